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
from ospi_supervisor.domain.retention import AGE_MAX, LOGS_KEPT, NEWEST_KEPT
from ospi_supervisor.engine.reserve import RESERVE_BYTES
from ospi_supervisor.platform.hook_output import HEAD_BYTES, TAIL_BYTES

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
    section = PAGE.partition("## Le tableau")[2].partition("\n## ")[0]
    documented = [line.strip("| ").split(" | ") for line in section.splitlines() if "| `" in line]
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
    assert f"les {HEAD_BYTES // 1024**2} premiers Mio" in PAGE
    assert f"et les {TAIL_BYTES // 1024**2} derniers" in PAGE
    assert f"journaux des {LOGS_KEPT} dernières" in PAGE
    assert f"{AGE_MAX.days} jours au plus pour celles d'avant les {NEWEST_KEPT} dernières" in PAGE


def test_there_is_one_rule_a_phase_in_order() -> None:
    assert [rule.phase for rule in RULES] == list(Phase)
    assert all(rule_of(rule.phase) is rule for rule in RULES)


def test_phases_are_undone_backwards_and_never_after_the_commit() -> None:
    assert phases_to_undo(Phase.STAGE) == (Phase.STAGE, Phase.PREREQUISITES, Phase.VERIFY)
    assert phases_to_undo(Phase.VALIDATE) == tuple(Phase)[: -len(phases_from(Phase.REOPEN))][::-1]
    assert phases_to_undo(Phase.REOPEN) == ()
    assert phases_to_undo(Phase.CLEANUP) == ()


def test_phases_from_one_to_the_end() -> None:
    assert phases_from(Phase.VERIFY) == tuple(Phase)
    assert phases_from(Phase.REOPEN) == (Phase.REOPEN, Phase.CLEANUP)


@pytest.mark.parametrize("status", list(UpdateStatus))
def test_final_statuses(status: UpdateStatus) -> None:
    assert status.is_final is (status not in {"scheduled", "queued", "running", "prepared"})


@pytest.mark.parametrize(
    ("failed", "cancelled", "ending"),
    [
        (None, False, UpdateStatus.SUCCEEDED),
        (Phase.VERIFY, False, UpdateStatus.REFUSED),
        (Phase.PREREQUISITES, False, UpdateStatus.REFUSED),
        (Phase.STAGE, False, UpdateStatus.FAILED),
        (Phase.BACKUP, True, UpdateStatus.CANCELLED),
        (Phase.MAINTENANCE, True, UpdateStatus.CANCELLED),
        (Phase.MIGRATE, False, UpdateStatus.ROLLED_BACK),
        (Phase.REOPEN, False, UpdateStatus.INTERVENTION),
    ],
)
def test_endings(failed: Phase | None, cancelled: bool, ending: UpdateStatus) -> None:
    assert ending_of(failed, cancelled=cancelled) is ending


def test_a_backup_may_find_that_the_update_must_not_go_on() -> None:
    assert ending_of(Phase.BACKUP, cancelled=False, refused=True) is UpdateStatus.REFUSED
    assert ending_of(Phase.BACKUP, cancelled=True, refused=True) is UpdateStatus.CANCELLED
    assert ending_of(Phase.STAGE, cancelled=False, refused=True) is UpdateStatus.FAILED


def documented_locks() -> dict[str, list[str]]:
    """The table of « Jamais deux fois »: the two columns by phase."""
    section = PAGE.partition("## Jamais deux fois")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    first, last = Phase.MAINTENANCE, Phase.HEALTH
    found = {phases.strip("`"): words for phases, *words in rows}
    behind_the_page = found.pop(f"{first}` à `{last}")
    between = phases_from(first)[: phases_from(first).index(last) + 1]
    return found | dict.fromkeys(between, behind_the_page)


@pytest.mark.parametrize("by_hook", [True, False])
@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CLEANUP])
def test_what_locks_is_what_the_page_says(phase: Phase, by_hook: bool) -> None:
    word = documented_locks()[phase][0 if by_hook else 1]
    assert word in ("verrouille", "ne verrouille pas", "–")
    if word != "–":  # phases without hooks
        assert locks_version(rule_of(phase).ending, phase, by_hook=by_hook) is (word == "verrouille")


@pytest.mark.parametrize("phase", list(Phase))
def test_what_was_cancelled_refused_or_succeeded_locks_nothing(phase: Phase) -> None:
    for status in (UpdateStatus.CANCELLED, UpdateStatus.REFUSED, UpdateStatus.SUCCEEDED):
        assert not locks_version(status, phase, by_hook=True)
