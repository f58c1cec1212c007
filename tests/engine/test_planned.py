"""An update planned for an hour: it takes the platform then, or a little later, and never in the middle of the day."""

import signal
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, Recovery, UpdateStatus, rule_of
from ospi_supervisor.domain.schedule import INSTALL_WINDOW
from tests.support.engine import Bench, kill, now

BEFORE_THE_PAGE = [phase for phase in Phase if rule_of(phase).recovery is Recovery.AGAIN]
BEHIND_THE_PAGE = [phase for phase in Phase if rule_of(phase).recovery is Recovery.ROLL_BACK]


def run_later(bench: Bench, after: timedelta) -> None:
    """Let a new engine run what is to be run, `after` from now."""
    engine = bench.engine()
    engine.clock = lambda: now() + after
    engine.run_due()


def test_it_begins_within_its_window(bench: Bench) -> None:
    bench.admit(start_at=now() + timedelta(minutes=1))
    assert bench.status() is UpdateStatus.SCHEDULED
    run_later(bench, timedelta(0))
    assert bench.status() is UpdateStatus.SCHEDULED
    run_later(bench, INSTALL_WINDOW)
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_a_server_that_was_off_does_not_begin_it_in_the_middle_of_the_day(bench: Bench) -> None:
    bench.admit(start_at=now() + timedelta(minutes=1))
    run_later(bench, INSTALL_WINDOW + timedelta(minutes=2))
    assert bench.status() is UpdateStatus.CANCELLED
    assert (bench.effects(), bench.locked_versions()) == (set(), [])
    assert "L'heure prévue est passée" in bench.journal("warning")[0]
    assert bench.update()["failure"].startswith("l'heure prévue est passée depuis trop longtemps")


@pytest.mark.parametrize("phase", BEFORE_THE_PAGE)
def test_after_a_crash_it_does_not_take_the_platform_from_its_users_at_noon(bench: Bench, phase: Phase) -> None:
    bench.admit(start_at=now())
    assert bench.run_in_process({f"did {phase}": kill}) == -signal.SIGKILL
    run_later(bench, INSTALL_WINDOW)
    assert bench.status() is UpdateStatus.CANCELLED
    assert (bench.effects(), bench.locked_versions()) == (set(), [])
    assert "do maintenance" not in bench.traced()


def run_slowly(bench: Bench, phase: Phase) -> None:
    """Let an engine run what is to be run; that phase takes all the time that there was, and more."""
    passed = [timedelta(0)]
    engine = bench.engine({f"do {phase}": lambda _run: passed.append(INSTALL_WINDOW)})
    engine.clock = lambda: now() + passed[-1]
    engine.run_due()


@pytest.mark.parametrize("phase", BEFORE_THE_PAGE)
def test_one_that_takes_half_a_day_to_prepare_does_not_take_the_platform_from_its_users(
    bench: Bench, phase: Phase
) -> None:
    bench.admit(start_at=now(), source="automatic")
    run_slowly(bench, phase)
    assert bench.status() is UpdateStatus.CANCELLED
    assert (bench.effects(), bench.locked_versions()) == (set(), [])
    assert "do maintenance" not in bench.traced()
    assert "L'heure prévue est passée" in bench.journal("warning")[0]
    assert bench.update()["failure"].startswith("l'heure prévue est passée depuis trop longtemps")
    assert bench.journal("error") == []


@pytest.mark.parametrize("phase", BEHIND_THE_PAGE)
def test_one_that_is_slow_behind_the_page_goes_on(bench: Bench, phase: Phase) -> None:
    bench.admit(start_at=now())
    run_slowly(bench, phase)
    assert bench.status() is UpdateStatus.SUCCEEDED


@pytest.mark.parametrize("phase", BEFORE_THE_PAGE)
def test_one_that_somebody_started_may_take_its_time(bench: Bench, phase: Phase) -> None:
    bench.admit()
    run_slowly(bench, phase)
    assert bench.status() is UpdateStatus.SUCCEEDED


@pytest.mark.parametrize("phase", BEFORE_THE_PAGE)
def test_after_a_crash_it_goes_on_within_its_window(bench: Bench, phase: Phase) -> None:
    bench.admit(start_at=now())
    bench.run_in_process({f"did {phase}": kill})
    run_later(bench, INSTALL_WINDOW / 2)
    assert bench.status() is UpdateStatus.SUCCEEDED


@pytest.mark.parametrize("phase", BEHIND_THE_PAGE)
def test_once_users_lost_the_platform_the_hour_says_nothing(bench: Bench, phase: Phase) -> None:
    bench.admit(start_at=now())
    bench.run_in_process({f"did {phase}": kill})
    run_later(bench, INSTALL_WINDOW)
    assert bench.status() is UpdateStatus.ROLLED_BACK


def test_one_that_was_not_planned_may_begin_at_any_hour(bench: Bench) -> None:
    bench.admit()
    run_later(bench, timedelta(days=1))
    assert bench.status() is UpdateStatus.SUCCEEDED
