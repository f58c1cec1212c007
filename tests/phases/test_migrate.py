"""What a migration wrote is on the disk when its phase is done."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.phases.hooks import ReleaseHooks
from ospi_supervisor.phases.migrate import Migrate
from ospi_supervisor.phases.release import manifest_facts
from tests.faults.disks import CuttableDisk
from tests.phases.conftest import NEW, MemoryRun
from tests.support.system import require_root

MIGRATION = """import os, sqlite3
connection = sqlite3.connect(os.environ["OSPI_DATABASE_URL_PORTAIL"].removeprefix("sqlite://"))
connection.execute("PRAGMA synchronous = NORMAL")
connection.execute("UPDATE compte SET nom = 'après'")
connection.commit()
os._exit(0)  # without closing the database, which would sync it
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[CuttableDisk]:
    require_root("a disk is mounted and cut")
    disk = CuttableDisk(tmp_path / "image", tmp_path / "disque", 64)
    yield disk
    disk.close()


@pytest.mark.system
def test_a_power_cut_after_the_phase_takes_nothing_of_a_database_outside_the_data_folders(
    disk: CuttableDisk, tmp_path: Path, make_config: Callable[..., Config], make_run: Callable[[Phase], MemoryRun]
) -> None:
    file, link = tmp_path / "disque" / "bases" / "portail.db", tmp_path / "portail.db"
    file.parent.mkdir()
    link.symlink_to(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE compte AS SELECT 'avant' AS nom")
    config = make_config(platform={"databases": [{"name": "portail", "url": f"sqlite://{link}"}]})
    (tmp_path / "data").mkdir()
    releases = Releases(config.platform.root)
    hook = releases.path(NEW) / "hooks" / "10-schema"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!{sys.executable}\n{MIGRATION}")
    hook.chmod(0o755)
    run = make_run(Phase.MIGRATE)
    described = Hook(phase=HookPhase.MIGRATE, name=hook.name, timeout=20, title="Schéma")
    run.known[Phase.VERIFY] = {"manifest": manifest_facts(Manifest(product="p", version=NEW, hooks=(described,)))}
    Migrate(ReleaseHooks(config, releases), Snapshots(tmp_path / "b", [], [], 1)).do(run)
    disk.cut()
    disk.boot()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT nom FROM compte").fetchall() == [("après",)]
