"""What root does with a backup by hand (`backup restore`, `export`, `drill`) while the platform's account attacks."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.administration.restoration import Restoration
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.backup.sqlite import SqliteDatabase
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.drill import Proof
from ospi_supervisor.errors import SupervisorError
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.reboot import RebootGuard
from ospi_supervisor.rehearsal.drill import Drill
from ospi_supervisor.rehearsal.play import Rehearsal
from tests.hands.accounts import NOBODY, as_account, give, start_as
from tests.hands.test_data_folders import FILL, SWAP_FOR_EVER, nothing
from tests.hands.test_databases import HOT_JOURNAL, MAKE
from tests.phases.conftest import OLD, FileServices, answering, make_config, make_stub, services
from tests.rehearsal.conftest import MakeSite, folder, make_site

__all__ = ["answering", "folder", "make_config", "make_site", "make_stub", "services"]

JOURNAL_FOR_EVER = f"""
import time
def once():
    exec({HOT_JOURNAL!r})
print("ready", flush=True)
while True:
    try:
        once()
    except Exception:
        pass
    time.sleep(0.01)
"""


class ByHand:
    """A platform of nobody's, with one backup, and a folder that is root's."""

    def __init__(self, root: Path, config: Config, services: FileServices) -> None:
        self.data, self.outside, self.base = root / "data", root / "outside", root / "data" / "base" / "portail.db"
        for made in (self.data, self.outside):
            made.mkdir()
        for name in ("keep.py", "portail.db", "portail.db-wal", "portail.db-journal", "export.tar"):
            (self.outside / name).write_text(f"root's own {name}\n")
        self.data.chmod(0o755)
        give(self.data)
        as_account(FILL, self.data)
        as_account("import os, sys; os.mkdir(sys.argv[1])", self.base.parent)
        as_account(MAKE, self.base)
        health = Health(config.platform)
        releases = Releases(config.platform.root)
        releases.path(OLD).mkdir(parents=True)
        releases.point_to(OLD)
        database = SqliteDatabase("portail", self.base, "nobody")
        self.snapshots = Snapshots(config.backup.directory, (self.data,), (database,), 2)
        self.snapshots.take_full("full", OLD, progress=nothing, check=nothing)
        switch = MaintenanceSwitch(config.maintenance, health)
        self.adapters = Adapters(config, releases, services, health, switch, (database,), self.snapshots, RebootGuard())
        self.before = self.facts()

    def facts(self) -> dict[str, tuple[object, ...]]:
        """All that the attack must not change."""
        found = sorted(self.outside.iterdir())
        return {path.name: (path.read_bytes(), path.lstat().st_mtime_ns, path.lstat().st_uid) for path in found}

    def restore(self, *, with_safety: bool = True) -> None:
        """As the command does; it may say that somebody was at work meanwhile."""
        with suppress(SupervisorError, OSError):
            Restoration(self.adapters, lambda: datetime.now(UTC), nothing, with_safety).run(self.snapshots.list()[0])


@pytest.fixture
def by_hand(
    tmp_path: Path, services: FileServices, answering: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> ByHand:
    config = answering(runs=services.at_work)
    flag = config.maintenance.flag
    monkeypatch.setattr(Health, "public", lambda self: "maintenance" if flag.exists() else "platform")
    return ByHand(tmp_path, config, services)


@contextmanager
def attacking(code: str, *words: object) -> Iterator[None]:
    racer = start_as(code, *words, stdout=subprocess.PIPE)
    assert racer.stdout is not None
    assert racer.stdout.readline()
    try:
        yield
    finally:
        racer.kill()
        racer.wait()
        racer.stdout.close()


@pytest.mark.parametrize("with_safety", [True, False])
def test_a_folder_swapped_for_a_link_leads_a_restore_by_hand_nowhere(by_hand: ByHand, *, with_safety: bool) -> None:
    with attacking(SWAP_FOR_EVER, by_hand.data, by_hand.outside):
        by_hand.restore(with_safety=with_safety)
    assert by_hand.facts() == by_hand.before


def test_the_folder_of_a_database_swapped_for_a_link_neither(by_hand: ByHand) -> None:
    swap = SWAP_FOR_EVER.replace('"z"', '"base"')
    with attacking(swap, by_hand.data, by_hand.outside):
        by_hand.restore()
        by_hand.restore(with_safety=False)
    assert by_hand.facts() == by_hand.before


def test_a_journal_that_names_a_file_of_roots_deletes_nothing_in_a_restore_by_hand(by_hand: ByHand) -> None:
    victim = by_hand.outside / "keep.py"
    as_account(HOT_JOURNAL, by_hand.base, victim)
    by_hand.restore()
    assert by_hand.facts() == by_hand.before
    with closing(sqlite3.connect(f"file:{by_hand.base}?mode=ro&immutable=1", uri=True)) as database:
        assert database.execute("SELECT x FROM t").fetchall() == [(1,)]
    assert not by_hand.base.with_name("portail.db-journal").exists()
    assert by_hand.base.stat().st_uid == NOBODY
    with attacking(JOURNAL_FOR_EVER, by_hand.base, victim):
        by_hand.restore()
        by_hand.restore(with_safety=False)
    assert by_hand.facts() == by_hand.before


def test_an_export_overwrites_nothing_and_follows_no_link(by_hand: ByHand, tmp_path: Path) -> None:
    theirs = tmp_path / "chez eux"
    theirs.mkdir()
    give(theirs)
    as_account("import os, sys; os.symlink(sys.argv[2], sys.argv[1])", theirs / "export.tar", by_hand.outside / "neuf")
    as_account("import os, sys; os.symlink(sys.argv[2], sys.argv[1])", theirs / "dossier", by_hand.outside)
    for file in (theirs / "export.tar", theirs / "dossier" / "neuf.tar", theirs / "dossier" / "export.tar"):
        with pytest.raises(SupervisorError, match=r"a pu poser|n'a pas pu être écrit"):
            by_hand.snapshots.export("full", file)
    assert by_hand.facts() == by_hand.before


def test_a_folder_swapped_for_a_link_leads_an_export_nowhere(by_hand: ByHand, tmp_path: Path) -> None:
    theirs = tmp_path / "chez eux"
    theirs.mkdir()
    give(theirs)
    as_account("import os, sys; os.mkdir(sys.argv[1])", theirs / "z")
    with attacking(SWAP_FOR_EVER, theirs, by_hand.outside):
        for number in range(5):
            with suppress(SupervisorError):
                by_hand.snapshots.export("full", theirs / "z" / f"{number}.tar")
            assert by_hand.facts() == by_hand.before


def test_what_lies_beside_the_data_of_a_drill_harms_nothing(make_site: MakeSite) -> None:
    site = make_site("nobody")
    outside = site.root / "outside"
    outside.mkdir()
    (outside / "keep.py").write_text("root's own\n")
    before = (outside / "keep.py").read_bytes(), (outside / "keep.py").stat().st_mtime_ns
    data = site.root / "data"
    as_account("import os, sys; os.symlink(sys.argv[2], sys.argv[1])", data / "documents" / "lien", outside)
    adapters = make_adapters(site.config)
    adapters.snapshots.take_full("manuelle-1", "1.0.0", progress=nothing, check=nothing)
    site.service("stop")
    as_account(HOT_JOURNAL, site.database, outside / "keep.py")
    snapshot = next(one for one in adapters.snapshots.list() if one.id == "manuelle-1")
    with attacking(SWAP_FOR_EVER.replace('"z"', '"documents"'), data, outside):
        played = Drill(Rehearsal(site.config, adapters.releases), lambda: None).play(snapshot, lambda: None)
    assert played.proof is Proof.PROVEN, played.verdict.reason
    assert ((outside / "keep.py").read_bytes(), (outside / "keep.py").stat().st_mtime_ns) == before
    assert [path.name for path in outside.iterdir()] == ["keep.py"]
