"""The whole journey in WebKit, Safari's engine: sign in, send an archive, import it, follow it to its end, leave."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from tests.support.site import PASSWORD, Archives, now
from tests.support.system import wait_until
from tests.support.web_process import WebProcess
from tests.support.webkit import WebKit, webkit
from tests.web.following import end, log

pytestmark = [pytest.mark.full, pytest.mark.system]


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[WebKit]:
    with webkit(tmp_path / "home") as browser:
        yield browser


def test_the_whole_journey(kit: WebKit, web: WebProcess, archives: Archives) -> None:
    web.site.engine.beat(now(), 1)
    kit.goto(f"{web.url}/mises-a-jour/import")
    kit.wait_for("[name=password]")
    kit.type("[name=username]", "admin")
    kit.type("[name=password]", PASSWORD)
    kit.click("form .primary")
    kit.wait_for("#depot")
    wait_until(lambda: kit.run("return document.documentElement.classList.contains('script')"), "the script")
    kit.type("#archive", str(archives.large))
    kit.wait_for("#envoi-etat", "Reçu en entier")
    kit.wait_for("#import-form")
    [upload] = web.site.operations.web.uploads()
    assert upload.complete

    kit.click("#notice-read")
    kit.click("#import-button")
    kit.wait_for("main", "La demande est transmise")
    number = web.site.update()
    web.site.engine.answer(1, accepted=True, now=now(), update_id=number)
    kit.wait_for("#titre", "Vérification")  # the page that waits asks again by itself
    log(web, number, 0, 1)
    kit.wait_for("#journal", "ligne 0.")
    end(web, number, Phase.VERIFY)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.DOING)
    kit.wait_for("#titre", "Migration des données")
    end(web, number, Phase.MIGRATE)
    web.site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    web.site.event(number, "end", Phase.CLEANUP, status=UpdateStatus.SUCCEEDED)
    kit.wait_for("#titre", "La mise à jour a réussi.")
    kit.wait_for(".hero .actions", "Ouvrir la plateforme")

    kit.click(".signed-in button")
    kit.wait_for("[name=password]")
    kit.back()
    wait_until(
        lambda: kit.run("return document.querySelector('[name=password]') !== null"), "the sign-in, not the page"
    )
