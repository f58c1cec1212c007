"""The whole journey in Firefox: an upload cut while its session ends, Suivi over a half-open line, the way back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.store.web_models import Session
from tests.support.firewall import Firewall
from tests.support.marionette import Firefox, firefox
from tests.support.site import PASSWORD, Archives, now
from tests.support.system import require_program, wait_until
from tests.support.web_process import WebProcess
from tests.web.following import log

pytestmark = [pytest.mark.full, pytest.mark.system]


@pytest.fixture
def firewall(web: WebProcess) -> Iterator[Firewall]:
    wall = Firewall(web.port)
    yield wall
    wall.close()


@pytest.fixture
def fox(tmp_path: Path) -> Iterator[Firefox]:
    with firefox(require_program("firefox-esr"), tmp_path / "profile") as browser:
        yield browser


def sign_in(fox: Firefox, form: str) -> None:
    fox.wait_for(f"{form} [name=password]")
    fox.type(f"{form} [name=username]", "admin")
    fox.type(f"{form} [name=password]", PASSWORD)
    fox.click(f"{form} .primary")


def test_the_whole_journey(fox: Firefox, firewall: Firewall, web: WebProcess, archives: Archives) -> None:
    base = f"http://127.0.0.1:{firewall.port}/superviseur"
    web.site.engine.beat(now(), 1)
    fox.goto(f"{base}/mises-a-jour/import")
    sign_in(fox, "form")
    fox.wait_for("#depot")
    sessions: Any = Session
    firewall.cut_after(3_000_000, lambda: sessions.delete().execute())
    fox.type("#archive", str(archives.large))
    sign_in(fox, "dialog")
    fox.wait_for("#envoi-etat", "Reçu en entier")
    fox.wait_for("#import-form")
    (upload,) = web.site.operations.web.uploads()
    assert upload.complete

    number = web.site.update()
    fox.goto(f"{base}/mises-a-jour/suivi")
    log(web, number, 0, 1)
    fox.wait_for("#journal", "ligne 0.")
    firewall.forget()
    web.site.event(number, "log", Phase.STAGE, level="info", message="après la coupure")
    began = time.monotonic()
    fox.wait_for("#journal", "après la coupure")
    assert time.monotonic() - began < 60  # half a minute, and what a busy machine adds

    fox.click(".signed-in button")
    fox.wait_for("[name=password]")
    fox.do("WebDriver:Back")
    wait_until(
        lambda: fox.run("return document.querySelector('[name=password]') !== null"), "the sign-in, not the page"
    )
