"""What cannot be taken back is confirmed at a terminal, in French; scripts go on as they did."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.commands.conftest import Shell
from tests.support.site import Site
from tests.support.system import wait_until
from tests.support.terminal import Running, running
from tests.web.test_validation import waiting

PROGRAM = [sys.executable, "-c", "from ospi_supervisor.cli import main; main()"]
ASKED = "Continuer ? [o/N] :"
LOST = f"Tout ce qui a été écrit depuis l'interruption sera perdu.\n{ASKED}"
REMOVED = f"Le compte infirmier sera retiré, et ses sessions prendront fin.\n{ASKED}"
SHOWN = f"La plateforme sera montrée aux utilisateurs, même au milieu d'une mise à jour.\n{ASKED}"


@contextmanager
def at_a_terminal(site: Site, *words: object) -> Iterator[Running]:
    with running([*PROGRAM, "--config", str(site.config_path), *map(str, words)], terminal=True) as one:
        yield one


@pytest.mark.parametrize(("answer", "is_removed"), [("o", True), ("Oui", True), ("y", True), ("n", False), ("", False)])
def test_an_account_is_removed_once_that_was_confirmed(site: Site, answer: str, is_removed: bool) -> None:
    with at_a_terminal(site, "user", "remove", "infirmier") as one:
        one.wait_for(REMOVED)
        one.type(f"{answer}\n")
        assert one.end() == (0 if is_removed else 1)
        assert ("Compte infirmier retiré." if is_removed else "Abandonné.") in one.said
    assert ("infirmier" in [row.username for row in site.operations.web.accounts()]) is not is_removed


def test_an_answer_that_is_none_is_asked_for_anew(site: Site) -> None:
    with at_a_terminal(site, "user", "remove", "infirmier") as one:
        one.wait_for(ASKED)
        one.type("peut-être\n")
        one.wait_for(f"Erreur : répondez o (oui) ou n (non).\n{ASKED}")


def test_going_back_is_confirmed_at_a_terminal(site: Site) -> None:
    number = waiting(site)
    with at_a_terminal(site, "go-back", number) as one:
        one.wait_for(LOST)
        one.type("n\n")
        assert one.end() == 1
    assert site.operations.web.requests_after(0) == []
    with at_a_terminal(site, "go-back", number) as one:
        one.wait_for(LOST)
        one.type("o\n")
        wait_until(lambda: len(site.operations.web.requests_after(0)) == 1, "the request")


def test_going_back_to_nothing_is_refused_without_a_question(site: Site) -> None:
    with at_a_terminal(site, "go-back", site.update()) as one:
        assert one.end() == 1
        assert "n'attend pas de décision" in one.said
        assert ASKED not in one.said


def test_the_page_taken_away_by_force_is_confirmed_at_a_terminal(site: Site) -> None:
    flag = site.config.maintenance.flag
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()
    with at_a_terminal(site, "maintenance", "off", "--force") as one:
        one.wait_for(SHOWN)
        one.type("n\n")
        assert (one.end(), flag.exists()) == (1, True)
    with at_a_terminal(site, "maintenance", "off", "--force", "--yes") as one:
        assert (one.end(), flag.exists(), ASKED in one.said) == (0, False, False)


def test_a_script_is_asked_nothing(shell: Shell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.commands.following.WORKER_PATIENCE_SECONDS", 0)
    number = waiting(site)
    said = shell("go-back", number).output
    assert len(site.operations.web.requests_after(0)) == 1
    assert ASKED not in said
