"""What is left of the backups of an update that went back."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.backup import Backup
from tests.phases.conftest import MemoryRun

KEPT = 2


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """The phase on a folder of data of which nothing was backed up."""
    (tmp_path / "data").mkdir()
    return Backup(Snapshots(tmp_path / "backup", [tmp_path / "data"], (), KEPT))


@pytest.fixture
def nights(make_run: Callable[[Phase], MemoryRun]) -> Iterator[MemoryRun]:
    """The run of one update after the other."""
    run = make_run(Phase.BACKUP)
    return (replace(run, request=replace(run.request, id=number)) for number in range(1, 100))


def test_nights_that_are_too_short_do_not_fill_the_disk(backup: Backup, nights: Iterator[MemoryRun]) -> None:
    for _ in range(KEPT + 2):
        run = next(nights)
        backup.do(run)
        backup.undo(run)
    assert [snapshot.id for snapshot in backup.snapshots.list()] == ["update-3-full", "update-4-full"]


def test_an_update_that_made_no_backup_takes_the_place_of_none(backup: Backup, nights: Iterator[MemoryRun]) -> None:
    for _ in range(KEPT + 1):
        backup.do(next(nights))
    backup.undo(next(nights))
    assert len(backup.snapshots.list()) == KEPT + 1
