"""Why a release that was to be validated goes back, in words."""

from datetime import UTC, datetime

from ospi_supervisor.domain.validation import Decision, Verdict, why_back

DEADLINE = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)


def test_a_person_is_named() -> None:
    decision = Decision(verdict=Verdict.GO_BACK, by="alice")
    assert why_back(decision, DEADLINE) == "alice a choisi de revenir à l'ancienne version"


def test_the_deadline_is_named() -> None:
    told = why_back(Decision(verdict=Verdict.GO_BACK), DEADLINE)
    assert told.startswith("personne n'a ouvert la nouvelle version avant l'heure limite")
    assert f"{DEADLINE.astimezone():%d/%m/%Y à %H:%M}" in told


def test_an_interruption_is_told() -> None:
    assert "s'est interrompu" in why_back(Decision(verdict=Verdict.GO_BACK), None)
