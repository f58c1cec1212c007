"""Data behind links: followed when a snapshot is taken, leading no restore astray, named where not saved."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.administration.checks import CHECKS
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import BackupError
from ospi_supervisor.phases.backup import Backup
from tests.backup.conftest import Hospital, files_of
from tests.backup.trees import fill
from tests.phases.conftest import MemoryRun, make_run
from tests.platform.conftest import make_config

__all__ = ["make_config", "make_run"]


@pytest.fixture
def moved(hospital: Hospital) -> Path:
    """Where the data lie now: the administrator moved them while the worker ran, and left a link."""
    fill(hospital.data, 20)
    hospital.full("avant")
    elsewhere = hospital.root / "plus grand"
    hospital.data.rename(elsewhere)
    hospital.data.symlink_to(elsewhere)
    return elsewhere


def test_a_folder_that_was_moved_behind_a_link_is_saved_and_restored(hospital: Hospital, moved: Path) -> None:
    hospital.full()
    (moved / "tardif").write_text("avant l'arrêt")
    before = files_of(hospital)
    snapshot = hospital.increment()
    assert (snapshot.data_dirs, snapshot.files) == ((str(moved),), 23)
    shutil.rmtree(moved / "service 0")
    (moved / "tardif").write_text("migré")
    hospital.restore()
    assert files_of(hospital) == before
    assert hospital.data.is_symlink()


def test_a_snapshot_from_before_the_move_is_refused_and_nothing_is_touched(hospital: Hospital, moved: Path) -> None:
    (moved / "tardif").write_text("après")
    before = files_of(hospital)
    with pytest.raises(BackupError, match=f"faites de nouveau de {hospital.data} le dossier de données"):
        hospital.restore("avant")
    assert hospital.data.readlink() == moved
    assert files_of(hospital) == before


def test_a_link_that_was_repointed_since_its_snapshot_is_not_followed(hospital: Hospital, moved: Path) -> None:
    hospital.full()
    other = hospital.root / "ailleurs"
    other.mkdir()
    (other / "fichier").write_text("à ne pas toucher")
    hospital.data.unlink()
    hospital.data.symlink_to(other)
    with pytest.raises(BackupError, match=f"faites de nouveau de {moved} le dossier de données"):
        hospital.restore("complete")
    assert [path.read_text() for path in other.iterdir()] == ["à ne pas toucher"]


def test_a_folder_that_became_a_file_is_no_data_folder(hospital: Hospital) -> None:
    hospital.data.rmdir()
    hospital.data.write_text("un fichier")
    with pytest.raises(BackupError, match="introuvable"):
        hospital.full()


@pytest.fixture
def linked(hospital: Hospital) -> Path:
    """The file of a database to which a link leads from among the data."""
    hospital.make_database(10)
    file = hospital.root / "bases" / "v1.db"
    file.parent.mkdir()
    hospital.database.rename(file)
    hospital.database.symlink_to(file)
    return file


def test_a_database_that_was_moved_behind_a_link_is_saved_and_restored(hospital: Hospital, linked: Path) -> None:
    newer = linked.with_name("v2.db")
    linked.rename(newer)
    hospital.database.unlink()
    hospital.database.symlink_to(newer)
    hospital.full()
    with closing(sqlite3.connect(hospital.database)) as connection:
        connection.execute("DELETE FROM sejour")
        connection.commit()
    hospital.restore("complete")
    assert hospital.rows() == 10
    assert hospital.database.readlink() == newer


def test_a_link_to_a_database_that_was_repointed_is_not_followed(hospital: Hospital, linked: Path) -> None:
    hospital.full()
    other = linked.with_name("v2.db")
    other.write_text("à ne pas toucher")
    hospital.database.unlink()
    hospital.database.symlink_to(other)
    (hospital.data / "tardif").write_text("après")
    with pytest.raises(BackupError, match=f"faites-la mener de nouveau à {linked}"):
        hospital.restore("complete")
    assert other.read_text() == "à ne pas toucher"
    assert (hospital.data / "tardif").exists()


def test_a_database_that_a_migration_replaced_by_a_link_comes_back_in_its_stead(hospital: Hospital) -> None:
    hospital.make_database(10)
    hospital.full()
    hospital.database.rename(hospital.data / "v2.db")
    hospital.database.symlink_to("v2.db")
    report = hospital.restore("complete")
    assert not hospital.database.is_symlink()
    assert hospital.rows() == 10
    assert [path.name for path in report.moved] == ["v2.db"]


def test_links_that_lead_out_of_what_is_saved_are_named(hospital: Hospital, linked: Path) -> None:
    assert linked.exists()
    outside = hospital.root / "images"
    outside.mkdir()
    (hospital.data / "dossier").mkdir()
    for name, target in (("dedans", "dossier"), ("mort", "/nulle/part"), ("vide", "/dev/null")):
        (hospital.data / name).symlink_to(target)
    assert hospital.snapshots.unsaved() is None
    for number in range(6):
        (hospital.data / f"images-{number}").symlink_to(outside)
    words = hospital.snapshots.unsaved()
    assert words is not None
    assert words.startswith("6 liens mènent hors des dossiers de données")
    assert f"« {hospital.data}/images-4 »…" in words


def test_check_and_the_journal_say_what_links_keep_from_being_saved(
    tmp_path: Path, make_config: Callable[..., Config], make_run: Callable[[Phase], MemoryRun]
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(tmp_path / "images")
    config, run = make_config(), make_run(Phase.BACKUP)
    Backup(Snapshots(config.backup.directory, config.platform.data_dirs, [], 1)).do(run)
    (warning,) = run.warnings
    assert f"1 lien mène hors des dossiers de données (« {tmp_path}/data/images »)" in warning
    assert (Grade.WARNING, warning) in list(CHECKS["data"](config, make_adapters(config)))
