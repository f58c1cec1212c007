"""The table of phases, held against its documentation, and what is derived from it."""

from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import (
    MAX_ATTEMPTS,
    RULES,
    Availability,
    Phase,
    Recovery,
    UndoFailure,
    UpdateStatus,
    ending_of,
    locks_version,
    phases_from,
    phases_to_undo,
    rule_of,
)
from ospi_supervisor.engine.reserve import RESERVE_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "reprise.md").read_text(encoding="utf-8")

WORDS = {
    Availability.UP: "plateforme",
    Availability.SLOWER: "plateforme ralentie",
    Availability.PAGE: "page",
    Recovery.AGAIN: "recommencée",
    Recovery.ROLL_BACK: "retour en arrière",
    Recovery.ROLL_FORWARD: "menée à son terme",
    UndoFailure.WARNING: "avertissement",
    UndoFailure.INTERVENTION: "`intervention`",
    True: "oui",
    False: "non",
}


def test_the_documented_table_is_the_programs() -> None:
    documented = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    assert documented == [
        [
            str(number),
            f"`{rule.phase}`",
            rule.title,
            WORDS[rule.availability],
            WORDS[rule.recovery],
            f"`{rule.ending}`",
            WORDS[rule.undo_failure],
            WORDS[rule.services_stopped],
            WORDS[rule.cancellable],
        ]
        for number, rule in enumerate(RULES, 1)
    ]


def test_the_documented_numbers_are_the_programs() -> None:
    assert f"survit à {MAX_ATTEMPTS} coupures" in PAGE
    assert f"tentée {MAX_ATTEMPTS} fois" in PAGE
    assert f"réserve de {RESERVE_BYTES // 1024**2} Mio" in PAGE


def test_there_is_one_rule_a_phase_in_order() -> None:
    assert [rule.phase for rule in RULES] == list(Phase)
    assert all(rule_of(rule.phase) is rule for rule in RULES)


def test_phases_are_undone_backwards_and_never_after_the_commit() -> None:
    assert phases_to_undo(Phase.STAGE) == (Phase.STAGE, Phase.PREREQUISITES, Phase.VERIFY)
    assert len(phases_to_undo(Phase.HEALTH)) == 11
    assert phases_to_undo(Phase.REOPEN) == ()
    assert phases_to_undo(Phase.CLEANUP) == ()


def test_phases_from_one_to_the_end() -> None:
    assert phases_from(Phase.VERIFY) == tuple(Phase)
    assert phases_from(Phase.REOPEN) == (Phase.REOPEN, Phase.CLEANUP)


@pytest.mark.parametrize("status", list(UpdateStatus))
def test_final_statuses(status: UpdateStatus) -> None:
    assert status.is_final is (status not in {"scheduled", "queued", "running"})


@pytest.mark.parametrize(
    ("failed", "cancelled", "ending", "locks"),
    [
        (None, False, UpdateStatus.SUCCEEDED, False),
        (Phase.VERIFY, False, UpdateStatus.REFUSED, False),
        (Phase.PREREQUISITES, False, UpdateStatus.REFUSED, False),
        (Phase.STAGE, False, UpdateStatus.FAILED, True),
        (Phase.BACKUP, True, UpdateStatus.CANCELLED, False),
        (Phase.MAINTENANCE, True, UpdateStatus.CANCELLED, False),
        (Phase.MIGRATE, False, UpdateStatus.ROLLED_BACK, True),
        (Phase.REOPEN, False, UpdateStatus.INTERVENTION, True),
    ],
)
def test_endings_and_locks(failed: Phase | None, cancelled: bool, ending: UpdateStatus, locks: bool) -> None:
    assert ending_of(failed, cancelled=cancelled) is ending
    if failed is not None:
        assert locks_version(ending, failed) is locks
