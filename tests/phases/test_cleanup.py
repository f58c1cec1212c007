"""What goes after an update that succeeded, and what stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ospi_supervisor.archive.tree import TreeRecord
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.base import Run
from ospi_supervisor.phases.cleanup import Cleanup
from tests.phases.conftest import NEW, OLD, MemoryRun

FOREIGN = ["11.4.0.sav", "11.5.0 (copie)"]
OLDER = ["11.2.0", "11.3.0", "11.4.0"]


@pytest.fixture
def run(make_run: Callable[[Phase], MemoryRun]) -> MemoryRun:
    return make_run(Phase.CLEANUP)


@pytest.fixture
def cleanup(make_config: Callable[..., Config], tmp_path: Path) -> Cleanup:
    """Five releases with their records and two folders of somebody's; nothing was backed up."""
    config = make_config(backup={"directory": str(tmp_path / "backup"), "keep": 1})
    releases = Releases(config.platform.root)
    installed = InstalledReleases(releases, config.paths)
    for version in (*OLDER, OLD, NEW):
        releases.path(version).mkdir(parents=True)
        installed.save(version, TreeRecord())
    for name in FOREIGN:
        (releases.folder / name).mkdir()
    releases.point_to(NEW)
    (tmp_path / "data").mkdir()
    snapshots = Snapshots(config.backup.directory, config.platform.data_dirs, (), config.backup.keep)
    return Cleanup(releases, installed, snapshots, lambda run: None)


def back_up(cleanup: Cleanup, name: str, release: str) -> None:
    cleanup.snapshots.take_full(name, release, progress=lambda percent: None, check=lambda: None)


def test_only_recorded_releases_go(cleanup: Cleanup, run: MemoryRun) -> None:
    assert cleanup.do(run)["releases"] == OLDER
    assert set(cleanup.releases.versions()) == {OLD, NEW, *FOREIGN}
    assert run.warnings == []


def test_what_an_interrupted_removal_left_goes_too(cleanup: Cleanup, run: MemoryRun) -> None:
    folder = cleanup.releases.path("11.2.0")
    folder.rename(folder.with_name(".11.2.0.removed"))
    cleanup.do(run)
    assert not folder.with_name(".11.2.0.removed").exists()


def test_the_release_of_a_backup_that_stays_stays_with_it(cleanup: Cleanup, run: MemoryRun) -> None:
    for name, release in (("update-1-full", "11.2.0"), ("update-2-full", "11.3.0"), ("update-7-full", OLD)):
        back_up(cleanup, name, release)
    back_up(cleanup, "avant-restauration-1", "11.4.0")
    assert cleanup.do(run) == {"releases": ["11.2.0", "11.3.0"], "snapshots": ["update-1-full", "update-2-full"]}
    assert {snapshot.release for snapshot in cleanup.snapshots.list()} <= set(cleanup.releases.versions())


def test_each_thing_that_fails_keeps_no_other_from_going(
    cleanup: Cleanup, run: MemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[Run] = []
    remove = Releases.remove

    def failing(self: Releases, version: str) -> None:
        if version == "11.2.0":
            raise PlatformError("disque en lecture seule")
        remove(self, version)

    monkeypatch.setattr(Releases, "remove", failing)
    monkeypatch.setattr(Snapshots, "prune", _broken)
    parts = Cleanup(cleanup.releases, cleanup.installed, cleanup.snapshots, forgotten.append)
    assert parts.do(run)["releases"] == ["11.3.0", "11.4.0"]
    assert forgotten == [run]
    assert ["illisible" in run.warnings[0], "lecture seule" in run.warnings[1]] == [True, True]


def _broken(self: Snapshots, protect: set[str]) -> list[str]:
    raise OSError("illisible")
