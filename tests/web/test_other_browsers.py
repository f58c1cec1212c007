"""The whole journey in Firefox and in WebKit, Safari's engine: an upload cut while its session ends, the import, Suivi
over a half-open line, the end, paper, the way back."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_models import Session
from tests.support.firewall import Firewall
from tests.support.marionette import Firefox, firefox
from tests.support.site import PASSWORD, Archives, now
from tests.support.system import require_program, wait_until
from tests.support.web_process import WebProcess
from tests.support.webkit import WebKit, webkit
from tests.web.following import end, log

pytestmark = [pytest.mark.full, pytest.mark.system]

AlienBrowser = Firefox | WebKit
HALF_OPEN_SECONDS = 60
"""Half a minute is promised; the rest is what a busy machine adds."""
AS_PRINTED = """
    for (const sheet of document.styleSheets) for (const rule of sheet.cssRules) {
        if (!rule.media) continue;
        if (rule.media.mediaText === "print") rule.media.mediaText = "all";
    }
"""


@pytest.fixture
def firewall(web: WebProcess) -> Iterator[Firewall]:
    wall = Firewall(web.port)
    yield wall
    wall.close()


@pytest.fixture(autouse=True)
def worker(web: WebProcess) -> Iterator[None]:
    """A worker that gives its signs of life, however slow the browser."""
    over = threading.Event()

    def beat() -> None:
        store = EngineStore(sqlite_url(web.site.config.paths.engine_db))
        while not over.wait(2):
            store.beat(now(), 1)
        store.close()

    web.site.engine.beat(now(), 1)
    heart = threading.Thread(target=beat)
    heart.start()
    yield
    over.set()
    heart.join()


@pytest.fixture
def fox(tmp_path: Path) -> Iterator[Firefox]:
    with firefox(tmp_path / "profile") as browser:
        yield browser


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[WebKit]:
    with webkit(tmp_path / "home") as browser:
        yield browser


def sign_in(browser: AlienBrowser, form: str) -> None:
    browser.wait_for(f"{form} [name=password]")
    browser.type(f"{form} [name=username]", "admin")
    browser.type(f"{form} [name=password]", PASSWORD)
    browser.click(f"{form} .primary")


def journey(browser: AlienBrowser, firewall: Firewall, web: WebProcess, archives: Archives) -> None:
    """From the sign-in to the end of the update."""
    base = f"http://127.0.0.1:{firewall.port}/superviseur"
    browser.goto(f"{base}/mises-a-jour/import")
    sign_in(browser, "form")
    browser.wait_for("#depot")
    wait_until(lambda: browser.run("return document.documentElement.classList.contains('script')"), "the script")
    sessions: Any = Session
    firewall.cut_after(3_000_000, lambda: sessions.delete().execute())
    browser.type("#archive", str(archives.large))
    sign_in(browser, "dialog")
    browser.wait_for("#envoi-etat", "Reçu en entier")
    browser.wait_for("#import-form")
    (upload,) = web.site.operations.web.uploads()
    assert upload.complete

    browser.click("#notice-read")
    browser.click("#import-button")
    browser.wait_for("main", "La demande est transmise")
    number = web.site.update()
    web.site.engine.answer(1, accepted=True, now=now(), update_id=number)
    browser.wait_for("#titre", "Vérification")  # the page that waits asks again by itself
    log(web, number, 0, 1)
    browser.wait_for("#journal", "ligne 0.")
    firewall.forget()
    web.site.event(number, "log", Phase.VERIFY, level="info", message="après la coupure")
    began = time.monotonic()
    browser.wait_for("#journal", "après la coupure")
    assert time.monotonic() - began < HALF_OPEN_SECONDS
    end(web, number, Phase.VERIFY)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.DOING)
    browser.wait_for("#titre", "Migration des données")
    end(web, number, Phase.MIGRATE)
    web.site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    web.site.event(number, "end", Phase.CLEANUP, status=UpdateStatus.SUCCEEDED)
    browser.wait_for("#titre", "La mise à jour a réussi.")
    browser.wait_for(".hero .actions", "Ouvrir la plateforme")


def leave(browser: AlienBrowser) -> None:
    browser.click(".signed-in button")
    browser.wait_for("[name=password]")
    browser.back()
    wait_until(
        lambda: browser.run("return document.querySelector('[name=password]') !== null"), "the sign-in, not the page"
    )


def test_in_firefox(fox: Firefox, firewall: Firewall, web: WebProcess, archives: Archives, tmp_path: Path) -> None:
    journey(fox, firewall, web, archives)
    paper = tmp_path / "suivi.pdf"
    paper.write_bytes(fox.paper())
    read = subprocess.run(
        [require_program("pdftotext"), "-layout", str(paper), "-"], check=True, capture_output=True, text=True
    ).stdout
    assert "La mise à jour a réussi." in read
    assert "Migration des données" in read
    assert "Déconnexion" not in read
    assert read.count("\f") <= 2, read
    leave(fox)


def test_in_webkit(kit: WebKit, firewall: Firewall, web: WebProcess, archives: Archives) -> None:
    """It offers no printing to whoever drives it: the rules for paper are laid on what is seen."""
    journey(kit, firewall, web, archives)
    address = kit.run("return location.href")
    kit.run(AS_PRINTED)
    seen = kit.run("return document.body.innerText")
    assert "La mise à jour a réussi." in seen
    assert "Migration des données" in seen
    assert "Déconnexion" not in seen
    assert kit.run("return document.documentElement.scrollWidth <= innerWidth")
    kit.goto(address)
    leave(kit)
