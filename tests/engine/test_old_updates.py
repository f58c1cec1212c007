"""An update that version 0.1.0 left in any status or phase is migrated and taken up as the life cycle's table says."""

import sqlite3
from contextlib import closing

import pytest

from ospi_supervisor.domain.lifecycle import Phase, Recovery, UpdateStatus, rule_of
from tests.support.engine import UNASKED, Bench
from tests.support.old_state import OldUpdate, old_updates

LEFT = [name for name in old_updates() if name.startswith(("killed-", "stopped-"))]
ENDED = [
    name for name in old_updates() if name.split("-")[0] in {status.value for status in UpdateStatus if status.is_final}
]


def lay_out(bench: Bench, old: OldUpdate) -> None:
    old.write(bench.paths.engine_db)
    for phase in old.effects:
        (bench.folder / "effects" / phase).touch()


@pytest.mark.parametrize("rows", ["all its phases", "none of those not begun"])
@pytest.mark.parametrize("name", LEFT)
def test_one_left_running_is_taken_up(bench: Bench, name: str, rows: str) -> None:
    lay_out(bench, old_updates()[name])
    if rows != "all its phases":  # as of a program that did not have them
        with closing(sqlite3.connect(bench.paths.engine_db)) as database, database:
            database.execute("DELETE FROM phaserecord WHERE status = 'pending'")
    _, *moment, phase = name.split("-")
    goes_back = moment and moment[0] in ("undo", "undid")
    bench.run()
    if goes_back or rule_of(Phase(phase)).recovery is Recovery.ROLL_BACK:
        assert bench.status() is UpdateStatus.ROLLED_BACK
        assert bench.effects() == set()
        assert bench.locked_versions() == ["11.6.0"]
    else:
        assert bench.status() is UpdateStatus.SUCCEEDED
        assert bench.effects() >= set(Phase) - set(since(bench, name))
    assert f"before_recovery {rule_of(Phase(phase)).services_stopped}" in bench.traced()
    assert [kind for kind, _ in bench.events()][-1] == "end"


def since(bench: Bench, name: str) -> list[Phase]:
    """The phases that 0.1.0 did not have, and that were past when its update was taken up."""
    return [phase for phase in Phase if f"'{phase}'" not in old_updates()[name].sql]


@pytest.mark.parametrize("name", ENDED)
def test_one_that_ended_is_history(bench: Bench, name: str) -> None:
    lay_out(bench, old_updates()[name])
    status = UpdateStatus(name.split("-")[0])
    bench.run()
    assert bench.traced() == []
    assert bench.status() is status
    locked = status in (UpdateStatus.FAILED, UpdateStatus.ROLLED_BACK, UpdateStatus.INTERVENTION)
    assert bench.locked_versions() == (["11.6.0"] if locked else [])
    assert [kind for kind, _ in bench.events()][-1] == "end"


def test_one_that_was_queued_is_begun(bench: Bench) -> None:
    lay_out(bench, old_updates()["queued"])
    bench.run()
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert bench.effects() == set(UNASKED)


def test_one_that_was_planned_waits_for_its_hour(bench: Bench) -> None:
    lay_out(bench, old_updates()["scheduled"])
    bench.run()
    assert bench.traced() == []
    assert bench.update()["start_at"] == "2099-01-01T00:00:00+00:00"
