"""A release is validated behind the closed door, on the demonstration: sent back, interrupted, and opened at last."""

import sqlite3
import zipfile
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from ospi_supervisor.platform.invitations import COOKIE, secret_in
from tests.e2e.conftest import Shoot, sign_in
from tests.support.demo import Client, RunningDemo, wait_for

pytestmark = pytest.mark.system


def ask_to_validate(demo: RunningDemo, client: Client) -> int:
    """An update that waits behind the closed door; its number."""
    done = demo.cli("import", str(demo.archive("good")), "--notice-read", "--validate")
    assert done.returncode == 0, done.stderr
    number = wait_for("the update", lambda: client.get("api/status")["update"])
    client.wait_for_phase(number, "validate")
    wait_for("the link", lambda: secret_of(demo))
    return int(number)


def secret_of(demo: RunningDemo) -> str | None:
    return secret_in(demo.layout.maintenance / "invitations")


def version_seen(demo: RunningDemo, secret: str | None) -> str | None:
    cookies = {} if secret is None else {COOKIE: secret}
    answer = requests.get(f"{demo.url}/health", cookies=cookies, timeout=30)
    return str(answer.json()["version"]) if answer.ok else None


def write_behind_the_page(demo: RunningDemo) -> None:
    """What somebody who validates types, or a background job does."""
    database = sqlite3.connect(demo.layout.data / "portail.db")
    with database:
        database.execute("CREATE TABLE saisie_de_validation (n)")
    database.close()


def assert_written_nowhere(demo: RunningDemo, secret: str) -> None:
    """Not in a log, a database or whatever else the demonstration's processes wrote."""
    for path in demo.layout.root.rglob("*"):
        if path.is_file() and path.suffix not in (".ospi", ".zip"):
            assert secret.encode() not in path.read_bytes(), path


@pytest.fixture(scope="module")
def client(demo: RunningDemo) -> Client:
    return Client(demo)


@pytest.fixture
def somebody(browser: Browser) -> Iterator[Page]:
    """A user of the platform's, in a browser of their own."""
    with browser.new_context(locale="fr-FR") as context:
        yield context.new_page()


def test_the_administrator_looks_and_goes_back(
    demo: RunningDemo, client: Client, page: Page, somebody: Page, shoot: Shoot
) -> None:
    data = demo.data()
    number = ask_to_validate(demo, client)
    secret = secret_of(demo) or ""
    assert (version_seen(demo, None), version_seen(demo, secret)) == (None, "11.6.0")
    page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi")
    sign_in(page, demo)
    expect(page.get_by_text("La nouvelle version attend votre validation.")).to_be_visible()
    shoot(page, "60-suivi-validation")
    page.get_by_role("link", name="Regarder, ouvrir ou revenir").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Ouvrir la nouvelle version").click()
    expect(opened.value.get_by_text("11.6.0").first).to_be_visible()
    assert secret not in opened.value.url
    somebody.goto(demo.url)
    expect(somebody.get_by_role("heading", name="Mise à jour en cours")).to_be_visible()
    write_behind_the_page(demo)
    wait_for("the count", lambda: "modifiée" in str(client.get(f"api/updates/{number}")["validation"]["changes"]))
    page.reload()
    page.get_by_text("Revenir à l'ancienne version…").click()
    expect(page.get_by_text("base « portail » : modifiée").last).to_be_visible()
    shoot(page, "61-validation")
    page.get_by_role("button", name="Revenir à la version 11.5.0").click()
    assert client.wait_until_final(number)["status"] == "rolled_back"
    assert demo.data() == data
    assert (secret_of(demo), version_seen(demo, None)) == (None, "11.5.0")
    assert client.get("api/status")["lock"] is None
    expect(page.get_by_role("heading", name="La nouvelle version n'a pas été ouverte")).to_be_visible()
    assert "perdu au retour" in demo.cli("log", str(number)).stdout
    assert_written_nowhere(demo, secret)


@pytest.mark.full
def test_a_crash_while_it_waits_goes_back(demo: RunningDemo, client: Client) -> None:
    data = demo.data()
    number = ask_to_validate(demo, client)
    secret = secret_of(demo)
    write_behind_the_page(demo)
    demo.kill("worker")
    update = client.wait_until_final(number)
    assert update["status"] == "rolled_back"
    assert "interrompu pendant la validation" in update["failure"]
    assert demo.data() == data
    assert (secret_of(demo), version_seen(demo, None), version_seen(demo, secret)) == (None, "11.5.0", "11.5.0")


@pytest.mark.full
def test_it_is_opened_from_the_shell_with_what_was_written(demo: RunningDemo, client: Client) -> None:
    number = ask_to_validate(demo, client)
    secret = secret_of(demo)
    assert secret is not None
    shown = demo.cli("link", str(number))
    assert shown.stdout.strip() == f"{demo.url}/#validation={secret}"
    write_behind_the_page(demo)
    assert demo.cli("open", str(number)).returncode == 0
    assert client.wait_until_final(number)["status"] == "succeeded"
    assert (secret_of(demo), version_seen(demo, None)) == (None, "11.6.0")
    database = sqlite3.connect(demo.layout.data / "portail.db")
    assert database.execute("SELECT count(*) FROM saisie_de_validation").fetchone() == (0,)
    database.close()
    refused = demo.cli("go-back", str(number))
    assert (refused.returncode, "n'attend pas de décision" in refused.stderr) == (1, True)
    bundle = demo.layout.root / "diagnostic.zip"
    assert demo.cli("diagnostics", str(bundle)).returncode == 0
    with zipfile.ZipFile(bundle) as contents:
        assert [name for name in contents.namelist() if secret.encode() in contents.read(name)] == []
    assert_written_nowhere(demo, secret)
