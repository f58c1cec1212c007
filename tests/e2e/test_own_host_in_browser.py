"""In Chromium: what the platform's own scripts, or one that somebody stored in it, can do to the supervisor."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.platform.conftest import reply
from tests.platform.proxied import running_site
from tests.support import site as supervisors
from tests.support.site import Archives
from tests.support.web_process import web_process
from tests.web.browsing import sign_in

pytestmark = pytest.mark.system

OWN = "superviseur.localhost"
WORKER = """
const seen = [];
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => { seen.push(event.request.url); });
self.addEventListener("message", (event) => event.source.postMessage(seen));
"""
REGISTER = """async () => {
  const registration = await navigator.serviceWorker.register("/sw.js");
  await navigator.serviceWorker.ready;
  return registration.scope;
}"""
SEEN = """() => new Promise((done) => {
  navigator.serviceWorker.addEventListener("message", (event) => done(event.data), { once: true });
  navigator.serviceWorker.controller.postMessage("?");
})"""
READ = """(address) => fetch(address + "/api/status", { credentials: "include" })
  .then((answer) => answer.json(), () => "refusé")"""
SEND = """(address) => fetch(address + "/parametres/general", {
  method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams({ value: "OUI" }),
}).then((answer) => answer.type, () => "refusé")"""
FRAME = """(address) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.src = address + "/";
  frame.onload = () => done(frame.contentDocument ? frame.contentDocument.body.innerText : "fermé");
  document.body.append(frame);
})"""
OPEN = """(address) => new Promise((done) => {
  const opened = window.open(address + "/");
  setTimeout(() => { try { done(opened.document.body.innerText); } catch { done("fermé"); } }, 1500);
})"""
PLANT = """() => {
  for (const name of ["__Host-ospi_superviseur", "__Host-ospi_superviseur_navigateur"]) {
    document.cookie = `${name}=x; Domain=localhost; Path=/; Secure`;
    document.cookie = `${name}=x; Domain=superviseur.localhost; Path=/; Secure`;
  }
}"""


def platform_answer(handler: BaseHTTPRequestHandler) -> None:
    if handler.path == "/sw.js":
        reply(handler, 200, WORKER.encode(), {"Content-Type": "text/javascript"})
    else:
        reply(handler, 200, b"<!doctype html><title>Portail</title><body>", {"Content-Type": "text/html"})


@contextmanager
def hospital(
    folder: Path, platform: str, archives: Archives, own_host: str | None, *, tls: bool = False
) -> Iterator[tuple[str, str]]:
    """The addresses of the platform and of the supervisor, in front of which nginx stands with what is printed."""
    with running_site("nginx", own_host, tls=tls) as site:
        site.platform.handle = platform_answer
        site.supervisor.stop()
        listens = site.supervisor.port
        supervisor = supervisors.Site(folder / "site", platform, archives.root, port=listens)
        if own_host:
            key = f'[supervisor]\npublic_url = "{site.config.supervisor.public_url}"\ntrusted_proxies = ["127.0.0.1"]'
            text = supervisor.config_path.read_text()
            if tls:
                text = text.replace("secure_cookies = false", "secure_cookies = true")
            supervisor.config_path.write_text(text.replace("[supervisor]", key))
        with web_process(supervisor, listens):
            yield site.config.platform.public_url, site.config.supervisor_address
        supervisor.close()
        site.supervisor.start()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(locale="fr-FR") as context:
        yield context


def requests_in(folder: Path) -> int:
    """How much was asked of the worker."""
    with closing(sqlite3.connect(next(folder.rglob("web.db")))) as database:
        return int(database.execute("SELECT count(*) FROM request").fetchone()[0])


def signed_in(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(f"{address}/connexion")
    sign_in(page)
    expect(page.get_by_role("heading", name="Tableau de bord")).to_be_visible()
    return page


def test_with_its_own_host_the_supervisor_is_out_of_the_platforms_reach(
    context: BrowserContext, tmp_path: Path, platform: str, archives: Archives
) -> None:
    with hospital(tmp_path, platform, archives, OWN) as (portal, supervisor):
        attacker = context.new_page()
        attacker.goto(portal)
        assert attacker.evaluate(REGISTER) == portal
        attacker.reload()
        page = signed_in(context, supervisor)
        assert attacker.evaluate(READ, supervisor) == "refusé"
        attacker.evaluate(SEND, supervisor)
        assert attacker.evaluate(FRAME, supervisor) == "fermé"
        assert attacker.evaluate(OPEN, supervisor) == "fermé"
        page.goto(f"{supervisor}/parametres/general")
        expect(page.locator(".setting .value").first).to_have_text("NON")
        assert requests_in(tmp_path) == 0
        seen = [address for address in attacker.evaluate(SEEN) if not address.startswith(portal)]
        assert all(address.startswith(supervisor) for address in seen), "what the attacker's own page asked for"
        assert not any("/connexion" in address or "/static" in address for address in seen)


def test_on_a_shared_address_a_script_of_the_platforms_can_act_but_none_stays(
    context: BrowserContext, tmp_path: Path, platform: str, archives: Archives
) -> None:
    """What `check` and the guide warn of, and what is closed there all the same."""
    with hospital(tmp_path, platform, archives, None) as (portal, supervisor):
        script = signed_in(context, supervisor).locator("script[type=module]").first.get_attribute("src") or ""
        attacker = context.new_page()
        attacker.goto(portal)
        assert attacker.evaluate(READ, supervisor)["worker"] == "down"
        with pytest.raises(Error, match="ServiceWorker"):
            attacker.evaluate(REGISTER)
        with pytest.raises(Error, match="ServiceWorker"):
            attacker.evaluate(REGISTER.replace("/sw.js", script))


def test_the_platforms_address_leads_there(
    context: BrowserContext, tmp_path: Path, platform: str, archives: Archives
) -> None:
    with hospital(tmp_path, platform, archives, OWN) as (portal, supervisor):
        page = context.new_page()
        page.goto(f"{portal}superviseur/mises-a-jour/suivi?update=3")
        sign_in(page)
        page.wait_for_url(f"{supervisor}/mises-a-jour/suivi?update=3")


def test_over_tls_the_cookie_is_one_that_no_other_host_sets(
    browser: Browser, tmp_path: Path, platform: str, archives: Archives
) -> None:
    with (
        browser.new_context(locale="fr-FR", ignore_https_errors=True) as context,
        hospital(tmp_path, platform, archives, OWN, tls=True) as (portal, supervisor),
    ):
        page = signed_in(context, supervisor)
        (cookie,) = [one for one in context.cookies() if one["name"] == "__Host-ospi_superviseur"]
        assert (cookie["domain"], cookie["path"], cookie["secure"], cookie["httpOnly"]) == (OWN, "/", True, True)
        attacker = context.new_page()
        attacker.goto(portal)
        attacker.evaluate(PLANT)
        assert cookie in context.cookies()
        assert [one for one in context.cookies() if one["name"].startswith("__Host-") and one["domain"] != OWN] == []
        page.reload()
        expect(page.get_by_role("heading", name="Tableau de bord")).to_be_visible()
        page.get_by_role("button", name="Se déconnecter").click()
        page.wait_for_url(f"{supervisor}/connexion")
