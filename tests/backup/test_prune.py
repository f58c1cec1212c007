"""Old snapshots go; what a restore may need stays."""

import pytest

from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Hospital

FOREIGN = ["dumps-mysql-2024", "lost+found"]


def names(hospital: Hospital) -> list[str]:
    return [snapshot.id for snapshot in hospital.snapshots.list()]


def damage(hospital: Hospital, name: str) -> None:
    with (hospital.backups / name / "fichiers.tar.zst").open("ab") as tail:
        tail.write(b"x")


@pytest.fixture
def years(hospital: Hospital) -> Hospital:
    """Four updates' snapshots, the second one interrupted at its checkpoint."""
    (hospital.data / "fichier").write_text("x")
    for number in range(1, 5):
        hospital.full(f"c{number}")
        if number != 2:
            hospital.increment(f"i{number}", f"c{number}")
    (hospital.backups / "update-9-full").mkdir()
    for foreign in FOREIGN:
        (hospital.backups / foreign).mkdir()
    return hospital


def test_the_newest_full_ones_stay_with_their_increments(years: Hospital) -> None:
    assert years.snapshots.prune(set()) == ["update-9-full", "i1", "c1", "c2"]
    assert names(years) == ["c3", "i3", "c4", "i4"]
    assert years.snapshots.unusable() == []
    assert years.snapshots.prune(set()) == []


def test_what_is_protected_stays_with_what_it_completes(years: Hospital) -> None:
    assert years.snapshots.prune({"i1", "update-9-full"}) == ["c2"]
    assert names(years) == ["c1", "i1", "c3", "i3", "c4", "i4"]
    assert (years.backups / "update-9-full").exists()


def test_the_last_good_one_stays_however_old(years: Hospital) -> None:
    for name in ("c2", "c3", "c4"):
        damage(years, name)
    years.snapshots.prune(set())
    assert names(years) == ["c1", "i1", "c3", "i3", "c4", "i4"]


def test_a_snapshot_of_the_update_at_work_is_not_read_again(years: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(years.snapshots, "verify", lambda name: pytest.fail(f"{name} is read"))
    assert years.snapshots.prune({"c4", "i4"}) == ["update-9-full", "i1", "c1", "c2"]


def test_one_that_cannot_be_dropped_keeps_no_other(years: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = years.snapshots.drop

    def failing(name: str) -> None:
        if name == "update-9-full":
            raise BackupError("disque en lecture seule")
        drop(name)

    monkeypatch.setattr(years.snapshots, "drop", failing)
    with pytest.raises(BackupError, match="lecture seule"):
        years.snapshots.prune(set())
    assert names(years) == ["c3", "i3", "c4", "i4"]


def test_a_damaged_record_is_named_and_not_thrown_away(years: Hospital) -> None:
    (years.backups / "c4" / "snapshot.json").write_text("{}")
    assert years.snapshots.unusable() == ["c4", "update-9-full"]
    years.snapshots.prune(set())
    assert names(years) == ["c2", "c3", "i3", "i4"]
    assert years.snapshots.unusable() == ["c4"]


def test_a_full_one_is_not_dropped_from_under_its_increment(years: Hospital) -> None:
    with pytest.raises(BackupError, match="s'appuie sur elle"):
        years.snapshots.drop("c1")
    years.snapshots.drop("i1")
    years.snapshots.drop("c1")
    years.snapshots.drop("c1")
    assert "c1" not in names(years)


def test_only_an_unfinished_one_is_dropped_as_such(years: Hospital) -> None:
    years.snapshots.drop_if_partial("c4")
    years.snapshots.drop_if_partial("update-9-full")
    years.snapshots.drop_if_partial("jamais-faite")
    assert "c4" in names(years)
    assert years.snapshots.unusable() == []


def test_what_restorations_took_beforehand_drives_out_no_other(years: Hospital) -> None:
    for number in range(3):
        years.full(f"avant-restauration-{number}")
    years.snapshots.prune(set())
    assert names(years) == ["c3", "i3", "c4", "i4", "avant-restauration-1", "avant-restauration-2"]


def test_what_others_put_beside_the_snapshots_stays(years: Hospital) -> None:
    years.snapshots.prune(set())
    assert all((years.backups / name).is_dir() for name in FOREIGN)


def test_none_goes_where_a_newer_program_took_one(years: Hospital) -> None:
    file = years.backups / "i3" / "snapshot.json"
    file.write_text('{"format": 99, "written_by": "7.8.9"}')
    with pytest.raises(BackupError, match=r"i3 est d'une version plus récente de Superviseur \(7\.8\.9\)"):
        years.snapshots.prune(set())
    assert names(years) == ["c1", "i1", "c2", "c3", "c4", "i4"]
    assert years.snapshots.unusable() == ["i3", "update-9-full"]
