"""The line that monitoring reads."""

import pytest

from ospi_supervisor.domain.findings import Finding, Grade
from ospi_supervisor.domain.nagios import LONGEST, State, line, state_of, summary

FINE = Finding("proxy", Grade.OK, "le proxy répond")
OLD = Finding("backup", Grade.WARNING, "sauvegarde de 9 jours")
DOWN = Finding("worker", Grade.ERROR, "service arrêté")


@pytest.mark.parametrize(
    ("findings", "state", "words"),
    [
        ([FINE, FINE], State.OK, "2 contrôles passés"),
        ([FINE, OLD], State.WARNING, "1 avis : sauvegarde de 9 jours"),
        ([OLD, DOWN, FINE], State.CRITICAL, "1 point faux : service arrêté"),
        ([DOWN, DOWN], State.CRITICAL, "2 points faux : service arrêté / service arrêté"),
    ],
)
def test_the_worst_decides_and_is_told(findings: list[Finding], state: State, words: str) -> None:
    assert (state_of(findings), summary(findings)) == (state, words)


def test_figures_follow_one_bar() -> None:
    assert line(State.OK, "bien", {"age": "3s", "disque": "40%"}) == "OSPI OK - bien | age=3s disque=40%"
    assert line(State.UNKNOWN, "rien", {}) == "OSPI UNKNOWN - rien"


def test_words_cannot_end_the_line_nor_begin_the_figures() -> None:
    assert line(State.CRITICAL, "a | b\nc", {"x": "1"}) == "OSPI CRITICAL - a / b c | x=1"


def test_long_words_are_cut_and_the_figures_are_whole() -> None:
    told = line(State.WARNING, "m" * (LONGEST + 1), {"x": "1"})
    assert told == f"OSPI WARNING - {'m' * (LONGEST - 1)}… | x=1"
    assert line(State.OK, "m" * LONGEST, {}) == f"OSPI OK - {'m' * LONGEST}"
