"""Expected time and progress: facts in, verdicts out."""

from datetime import UTC, datetime, timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from ospi_supervisor.domain.progress import PhaseProgress, overall_percent, seconds_left, seconds_of_page, usual

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def progress(
    phase: Phase, status: PhaseStatus, *, percent: float = 0, since: float | None = None, expected: float | None = None
) -> PhaseProgress:
    started_at = None if since is None else NOW - timedelta(seconds=since)
    return PhaseProgress(
        phase=phase, status=status, percent=percent, started_at=started_at, ended_at=None, expected=expected
    )


def test_the_usual_duration_is_the_median_of_past_ones() -> None:
    assert usual([]) is None
    assert usual([10, 1000, 20]) == 20


def test_the_time_left_is_what_remains_of_the_phases_not_over() -> None:
    phases = [
        progress(Phase.VERIFY, PhaseStatus.DONE, expected=5),
        progress(Phase.STAGE, PhaseStatus.DOING, since=40, expected=100),
        progress(Phase.BACKUP, PhaseStatus.PENDING, expected=30),
    ]
    assert seconds_left(phases, NOW) == 90


def test_a_phase_longer_than_usual_does_not_shorten_the_others() -> None:
    phases = [
        progress(Phase.STAGE, PhaseStatus.DOING, since=500, expected=100),
        progress(Phase.BACKUP, PhaseStatus.PENDING, expected=30),
    ]
    assert seconds_left(phases, NOW) == 30


def test_without_history_no_time_is_promised() -> None:
    assert seconds_left([progress(Phase.STAGE, PhaseStatus.PENDING)], NOW) is None


@pytest.mark.parametrize(("expected", "percent"), [((10, 90), 55.0), ((None, 90), 75.0)])
def test_phases_weigh_what_they_usually_take_or_the_same(expected: tuple[float, float], percent: float) -> None:
    phases = [
        progress(Phase.VERIFY, PhaseStatus.DONE, expected=expected[0]),
        progress(Phase.STAGE, PhaseStatus.DOING, percent=50, expected=expected[1]),
    ]
    assert overall_percent(phases) == pytest.approx(percent)


def test_what_is_left_of_the_page_counts_its_phases_alone() -> None:
    assert seconds_of_page(Phase.VERIFY, lambda _: 10.0) == 80.0
    assert seconds_of_page(Phase.HEALTH, lambda _: 10.0) == 20.0
    assert seconds_of_page(Phase.VERIFY, lambda phase: None if phase is Phase.MIGRATE else 10.0) is None
    assert seconds_of_page(Phase.HEALTH, lambda phase: None if phase is Phase.MIGRATE else 10.0) == 20.0
