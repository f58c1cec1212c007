"""What somebody who sees nothing is told, unasked, during an update: Firefox's events on the accessibility bus."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from tests.support.marionette import Firefox, firefox
from tests.support.screen import Heard, accessibility_bus, screen
from tests.support.site import PASSWORD, Archives, now
from tests.support.system import wait_until
from tests.support.web_process import WebProcess
from tests.web.following import end

pytestmark = [pytest.mark.full, pytest.mark.system]

GOOD = (Phase.STAGE, Phase.BACKUP, Phase.MAINTENANCE, Phase.MIGRATE)
LINE_LOST = "La liaison avec le Superviseur est interrompue ; elle reprend d'elle-même. La mise à jour continue."
ON_ITS_WAY = "La demande est transmise au service de mise à jour…"
"""Spoken where the page that waits is loaded after the reader has begun to listen to it, else read with that page."""

WANTED = [
    "La version 11.6.0 peut être installée. Lisez sa notice, cochez la case, puis importez.",
    "Reçu en entier",
    *(rule_of(phase).title for phase in GOOD),
    "La mise à jour a réussi.",
    rule_of(Phase.MIGRATE).title,
    LINE_LOST,
    "La liaison avec le Superviseur est rétablie.",
    "La plateforme revient à l'ancienne version.",
    "La mise à jour a échoué ; la plateforme est revenue à l'ancienne version.",
]


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    with screen(tmp_path / "home") as shown, accessibility_bus(shown) as bus:
        yield bus


@pytest.fixture
def fox(tmp_path: Path, heard: Heard) -> Iterator[Firefox]:
    with firefox(tmp_path / "profile", heard.environment) as browser:
        yield browser


def spoken(heard: Heard) -> list[str]:
    plain = (" ".join(text.split()) for text in heard.spoken())  # French puts spaces of its own before its signs
    return [text for text in plain if text != ON_ITS_WAY]


def import_archive(fox: Firefox, web: WebProcess, archives: Archives) -> int:
    web.site.engine.beat(now(), 1)
    fox.goto(f"{web.url}/mises-a-jour/import")
    fox.wait_for("[name=password]")
    fox.type("[name=username]", "admin")
    fox.type("[name=password]", PASSWORD)
    fox.click("form .primary")
    fox.wait_for("#depot")
    wait_until(lambda: fox.run("return document.documentElement.classList.contains('script')"), "the script")
    fox.type("#archive", str(archives.large))
    fox.wait_for("#envoi-etat", "Reçu en entier")
    fox.click("#notice-read")
    fox.click("#import-button")
    fox.wait_for("main", "La demande est transmise")
    number = web.site.update()
    web.site.engine.answer(1, accepted=True, now=now(), update_id=number)
    fox.wait_for("#titre", rule_of(Phase.VERIFY).title)
    end(web, number, Phase.VERIFY)
    return number


def test_whoever_sees_nothing_is_told_what_matters_and_nothing_else(
    fox: Firefox, heard: Heard, web: WebProcess, archives: Archives
) -> None:
    number = import_archive(fox, web, archives)
    for phase in GOOD:
        web.site.phase(number, phase, PhaseStatus.DOING)
        for percent in range(0, 100, 5):
            web.site.progress(number, phase, percent)
        fox.wait_for("#titre", rule_of(phase).title)
        end(web, number, phase)
    web.site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    web.site.event(number, "end", Phase.CLEANUP, status=UpdateStatus.SUCCEEDED)
    fox.wait_for("#titre", "La mise à jour a réussi.")

    number = web.site.update()
    fox.goto(f"{web.url}/mises-a-jour/suivi")
    end(web, number, Phase.VERIFY)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.DOING)
    fox.wait_for("#titre", rule_of(Phase.MIGRATE).title)
    web.stop()
    fox.wait_for("#liaison", "interrompue")
    web.start()
    wait_until(lambda: fox.run("return document.getElementById('liaison').hidden"), "the line")
    web.site.config.maintenance.flag.touch()
    web.site.engine.set_failure(number, Phase.MIGRATE, "panne")
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.UNDOING)
    fox.wait_for("#titre", "La plateforme revient")
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.UNDONE)
    web.site.engine.finish(number, UpdateStatus.ROLLED_BACK, now())
    web.site.event(number, "end", Phase.MIGRATE, status=UpdateStatus.ROLLED_BACK)
    fox.wait_for("#titre", "est revenue")
    wait_until(lambda: len(spoken(heard)) >= len(WANTED), "the last words", seconds=30)
    assert spoken(heard) == WANTED
    # The page's own name, which tells the progress too where the listener came to ask for it later.
    assert heard.focused()[-1].endswith("Superviseur OSPI")
