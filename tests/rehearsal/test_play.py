"""What a rehearsal says of an update, on a real platform, and what it leaves of itself."""

import hashlib
from pathlib import Path

import pytest

from ospi_supervisor.domain.rehearsal import Outcome, Verdict
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.site import MIGRATION, NEW, Heard, Site


def told(verdict: Verdict) -> list[tuple[str, Outcome]]:
    return [(step.title, step.outcome) for step in verdict.steps]


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def nothing_left(site: Site) -> bool:
    places = (site.config.backup.directory, site.config.paths.engine_dir)
    return not any((place / ".repetition").exists() for place in places)


def test_a_good_update_is_played_to_its_end_and_touches_nothing(make_site: MakeSite) -> None:
    site = make_site()
    site.hook(MIGRATION)
    rows, files = site.rows(), digests(site.root / "data/documents")
    verdict = site.rehearse()

    assert (verdict.outcome, verdict.reason) == (Outcome.REHEARSED, ""), verdict.reason
    assert told(verdict) == [
        ("Double de la plateforme", Outcome.REHEARSED),
        ("Migration", Outcome.REHEARSED),
        ("Démarrage des services", Outcome.REHEARSED),
        ("Contrôle de la plateforme", Outcome.REHEARSED),
    ]
    assert verdict.steps[0].bytes > 0
    assert (site.rows(), digests(site.root / "data/documents")) == (rows, files)
    assert nothing_left(site)


def test_a_poisoned_row_is_found_in_the_twin_with_the_hooks_own_words(make_site: MakeSite) -> None:
    site = make_site()
    site.poison()
    site.back_up()
    site.hook(MIGRATION)
    rows = site.rows()
    heard = Heard()
    verdict = site.rehearse(heard)

    assert verdict.outcome is Outcome.REFUSED
    assert "séjour 142 : code inconnu" in verdict.reason
    assert "séjour 142 : code inconnu" in heard.lines
    assert told(verdict)[-1] == ("Migration", Outcome.REFUSED)
    assert site.rows() == rows
    assert nothing_left(site)


def test_a_release_that_is_not_well_on_the_data_is_refused(make_site: MakeSite) -> None:
    site = make_site(health=10)
    site.hook("print('rien à faire')\n")  # the rows keep their old form
    verdict = site.rehearse()

    assert verdict.outcome is Outcome.REFUSED, verdict
    assert told(verdict)[-1] == ("Contrôle de la plateforme", Outcome.REFUSED)
    assert "répond 500" in verdict.reason


def test_a_service_that_lacks_something_in_the_twin_is_no_fault_of_the_release(make_site: MakeSite) -> None:
    """It asks for a socket of the machine's: the installed release does not start either."""
    site = make_site()
    site.hook(MIGRATION)
    script = site.root / "service.sh"
    lacking = "[ -e /sys/kernel ] || exit 4\n"
    script.write_text(script.read_text().replace("start)\n", f"start)\n    {lacking}"))
    verdict = site.rehearse()

    assert verdict.outcome is Outcome.NOT_REHEARSED
    assert "la version installée ne fonctionne pas non plus dans le double" in verdict.reason


def test_what_the_twin_lacks_is_told_apart(make_site: MakeSite) -> None:
    site = make_site()
    fates = {
        "import urllib.request; urllib.request.urlopen('http://exemple.invalid/')": "réseau",
        "import socket; socket.create_connection(('127.0.0.1', 9))": "service qui n'est pas dans le double",
        "open('/usr/ospi-essai', 'w')": "lecture seule",
        f"open({str(site.root / 'supervisor-autre/x')!r})": "",
    }
    (site.root / "supervisor-autre").mkdir()
    for text, words in fates.items():
        site.hook(text)
        verdict = site.rehearse()
        expected = Outcome.NOT_REHEARSED if words else Outcome.REFUSED
        assert (verdict.outcome, words in verdict.reason) == (expected, True), verdict


def test_the_vendor_may_keep_a_hook_from_being_rehearsed(make_site: MakeSite) -> None:
    site = make_site()
    site.hook("raise SystemExit('joué')\n")
    verdict = site.rehearse(not_rehearsed="il écrit à la caisse")

    assert verdict.outcome is Outcome.NOT_REHEARSED
    assert "l'éditeur demande de ne pas le répéter : il écrit à la caisse" in verdict.reason


@pytest.mark.parametrize(
    ("limits", "text", "words"),
    [
        ("time_limit = 10", "import time; time.sleep(60)", "durée maximale"),
        ("memory = 0.2", "x = bytearray(1 << 30); print(len(x))", "mémoire"),
    ],
)
def test_no_time_and_no_memory_are_the_twins_own_fault(make_site: MakeSite, limits: str, text: str, words: str) -> None:
    site = make_site(limits=limits)
    site.hook(text)
    verdict = site.rehearse()
    assert (verdict.outcome, words in verdict.reason) == (Outcome.NOT_REHEARSED, True), verdict
    assert nothing_left(site)


def test_hooks_see_that_it_is_a_rehearsal_and_the_new_release(make_site: MakeSite) -> None:
    site = make_site()
    link = site.root / "platform/current"
    site.hook(f"import os; print(os.environ['OSPI_REHEARSAL'], os.readlink({str(link)!r}))" + MIGRATION)
    heard = Heard()
    assert site.rehearse(heard).outcome is Outcome.REHEARSED
    assert f"1 releases/{NEW}" in heard.lines
    assert link.readlink() == Path("releases/1.0.0")
