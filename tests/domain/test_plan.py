"""What an update writes, and where."""

from ospi_supervisor.domain.plan import DataWeight, checkpoint_id, full_snapshot_id, room_needed


def test_the_backup_holds_all_data_twice_and_a_restore_writes_beside_each() -> None:
    data = DataWeight(places={"/srv/data": 100, "/srv/base.db": 20}, servers=3)
    room = room_needed(unpacked_bytes=7_000, data=data, to_come=900)
    assert (room.platform, room.data, room.backup, room.state) == (7_000, data, 246, 900)


def test_snapshots_are_named_by_their_update() -> None:
    """Backups of former versions are found by these names."""
    assert (full_snapshot_id(7), checkpoint_id(7)) == ("update-7-full", "update-7-checkpoint")
