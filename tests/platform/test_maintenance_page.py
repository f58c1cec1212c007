"""The maintenance page in a real browser: what it shows, and how it goes back to the platform."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.events import RESTORING
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from tests.platform.conftest import Handle, Stub, reply

pytestmark = pytest.mark.system
PAGE_HEADERS = {"Content-Type": "text/html; charset=utf-8", "X-OSPI-Maintenance": "1", "Cache-Control": "no-store"}


@dataclass
class Gate:
    """A server that shows the page while the switch is on, as a reverse proxy does."""

    stub: Stub
    switch: MaintenanceSwitch
    folder: Path
    elsewhere: str = ""
    """Where the platform sends users who are not signed in; empty where it does not."""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if not self.switch.is_on() and self.elsewhere:
            reply(handler, 302, b"", {"Location": self.elsewhere})
        elif not self.switch.is_on():
            html = f"<title>portail</title><h1>{handler.command} {handler.path}</h1>"
            reply(handler, 405 if handler.path == "/envoi" and handler.command == "GET" else 200, html.encode())
        elif handler.path == "/maintenance/status.json":
            status = self.folder / "status.json"
            if status.exists():
                reply(handler, 200, status.read_bytes(), {**PAGE_HEADERS, "Content-Type": "application/json"})
            else:
                reply(handler, 404, b"", {"Content-Type": "application/json"})
        else:
            reply(handler, 503, (self.folder / "index.html").read_bytes(), PAGE_HEADERS)


@pytest.fixture
def gate(make_config: Callable[..., Config], make_stub: Callable[[Handle], Stub]) -> Gate:
    """The page is on, seven minutes into the migration."""
    config = make_config()
    switch = MaintenanceSwitch(config.maintenance, Health(config.platform), "Portail BI")
    stub = make_stub(reply)
    gate = Gate(stub, switch, config.maintenance.page_dir)
    stub.handle = gate.answer
    switch.prepare()
    now = datetime.now(UTC)
    switch.write_status("migrate", 42, now - timedelta(minutes=7), now + timedelta(hours=1), "Séjours de 2025")
    switch.on()
    return gate


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab whose scripts must not fail; a phone's width, where a table or a word too wide would show."""
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    tab.close()
    assert errors == []


def test_the_page_shows_where_the_update_is(gate: Gate, page: Page) -> None:
    page.goto(f"{gate.stub.url}/rapports/12")
    expect(page.locator("#phase")).to_have_text("Migration des données")
    expect(page.locator("#number")).to_have_text("étape 5 sur 8")
    expect(page.locator("#detail")).to_have_text("Séjours de 2025 · 42 %")
    expect(page.locator("#since")).to_contain_text("(7 min)")
    expect(page.locator("#until")).to_contain_text("vers")
    expect(page.get_by_text("Service informatique, poste 1234")).to_be_visible()
    assert page.get_by_role("progressbar").get_attribute("aria-valuenow") == "42"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hours_are_the_servers_whatever_the_readers_clock_and_zone(gate: Gate, browser: Browser) -> None:
    written = datetime.now(UTC).astimezone()

    def hour(at: datetime) -> str:
        """As the page has it: with its day, where that is another one; midnight may come meanwhile."""
        return f"{at:%H h %M}" if at.date() == written.date() else rf"(\d+(er)? \S+, )?(vers )?{at:%H h %M}"

    with browser.new_context(timezone_id="Pacific/Auckland") as elsewhere:
        page = elsewhere.new_page()
        page.clock.install(time=written - timedelta(days=3))
        page.goto(gate.stub.url)
        expect(page.locator("#since")).to_have_text(
            re.compile(rf"^{hour(written - timedelta(minutes=7))} \([78] min\)")
        )
        expect(page.locator("#until")).to_have_text(re.compile(rf"^(vers )?{hour(written + timedelta(hours=1))}$"))


def test_the_first_of_a_month_is_written_as_it_is_said(gate: Gate, page: Page) -> None:
    last_month = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    gate.switch.write_status(RESTORING, 37, last_month.replace(day=1), None, "Restauration de manuelle-1")
    page.goto(gate.stub.url)
    expect(page.locator("#since")).to_have_text(re.compile(r"^1er \S+, \d\d h \d\d \("))


def test_a_backup_that_is_restored_by_hand_is_no_update(gate: Gate, page: Page) -> None:
    gate.switch.write_status(RESTORING, 37, datetime.now(UTC), None, "Restauration de manuelle-1")
    page.goto(gate.stub.url)
    expect(page.locator("h1")).to_have_text("Maintenance en cours")
    expect(page.locator("#message")).to_have_text("La plateforme est temporairement indisponible.")
    expect(page.locator("#phase")).to_have_text("Restauration de manuelle-1")
    expect(page.locator("#detail")).to_have_text("37 %")


def test_it_goes_back_by_itself_to_the_address_asked_for(gate: Gate, page: Page) -> None:
    page.goto(f"{gate.stub.url}/rapports/12?annee=2025#tableau")
    gate.switch.off()
    expect(page.locator("h1")).to_have_text("GET /rapports/12?annee=2025")
    assert page.url.endswith("/rapports/12?annee=2025#tableau")


def test_it_goes_back_where_the_platform_sends_users_to_another_origin(
    gate: Gate, make_stub: Callable[[Handle], Stub], page: Page
) -> None:
    sso = make_stub(lambda handler: reply(handler, 200, b"<h1>Connexion unique</h1>", {"Content-Type": "text/html"}))
    gate.elsewhere = f"{sso.url}/connexion"
    page.goto(f"{gate.stub.url}/rapports/12")
    gate.switch.off()
    expect(page.locator("h1")).to_have_text("Connexion unique")
    assert page.url == gate.elsewhere


@pytest.mark.parametrize(("action", "ends_at"), [("/saisie", "GET /saisie"), ("/envoi", "GET /")])
def test_a_form_is_never_sent_twice(gate: Gate, page: Page, action: str, ends_at: str) -> None:
    """The one that met the page was refused; the user comes back to a page, by GET."""
    page.set_content(f'<form method="post" action="{gate.stub.url}{action}"><button>Envoyer</button></form>')
    page.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text("Mise à jour en cours")
    gate.switch.off()
    expect(page.locator("h1")).to_have_text(ends_at)
    assert [path for method, path, _ in gate.stub.seen if method == "POST"] == [action]


def test_it_says_what_it_can_without_progress(gate: Gate, page: Page) -> None:
    (gate.folder / "status.json").write_text("{ truncated")
    page.goto(gate.stub.url)
    expect(page.locator("h1")).to_have_text("Mise à jour en cours")
    page.wait_for_timeout(300)
    expect(page.locator("#step")).to_be_hidden()


def test_put_in_place_by_hand_it_speaks_of_no_update(gate: Gate, page: Page) -> None:
    status = (gate.folder / "status.json").read_bytes()
    (gate.folder / "status.json").unlink()
    page.goto(gate.stub.url)
    expect(page.locator("h1")).to_have_text("Maintenance en cours")
    expect(page.locator("#message")).to_have_text("La plateforme est temporairement indisponible.")
    expect(page.locator("#step")).to_be_hidden()
    (gate.folder / "status.json").write_bytes(status)
    expect(page.locator("h1")).to_have_text("Mise à jour en cours")
    expect(page.locator("#message")).to_have_text("La plateforme est en cours de mise à jour.")
    expect(page.locator("#step")).to_be_visible()
    gate.switch.off()
    expect(page.locator("h1")).to_have_text("GET /")


def test_the_ordinary_page_says_update_from_the_first_moment(gate: Gate, page: Page) -> None:
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.titles = [document.querySelector('h1').textContent];"
        " new MutationObserver(() => titles.push(document.querySelector('h1').textContent))"
        ".observe(document.querySelector('h1'), { childList: true, characterData: true, subtree: true }); })"
    )
    page.goto(gate.stub.url)
    expect(page.locator("#step")).to_be_visible()
    assert page.evaluate("window.titles") == ["Mise à jour en cours"]


@pytest.mark.parametrize(("method", "ends_at"), [("GET", "GET /rapports/12"), ("POST", "GET /saisie")])
def test_without_scripts_it_goes_back_by_itself_too(gate: Gate, browser: Browser, method: str, ends_at: str) -> None:
    index = gate.folder / "index.html"
    page = index.read_text(encoding="utf-8")
    assert page.count('http-equiv="refresh" content="30"') == 1
    index.write_text(page.replace('content="30"', 'content="1"'), encoding="utf-8")
    tab = browser.new_page(java_script_enabled=False)
    if method == "GET":
        tab.goto(f"{gate.stub.url}/rapports/12")
    else:
        tab.set_content(f'<form method="post" action="{gate.stub.url}/saisie"><button>Envoyer</button></form>')
        tab.get_by_role("button").click()
    expect(tab.locator("h1")).to_have_text("Mise à jour en cours")
    gate.switch.off()
    expect(tab.locator("h1")).to_have_text(ends_at)
    assert sum(asked == "POST" for asked, _, _ in gate.stub.seen) == (method == "POST")
    tab.close()
