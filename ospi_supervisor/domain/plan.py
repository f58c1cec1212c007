"""What an update will need before it begins: room on each disk, and the names of its snapshots."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many bytes an update writes at most, by what the disk is for."""

    platform: int
    data: int
    backup: int


def room_needed(*, unpacked_bytes: int, data_bytes: int) -> Room:
    """The room for the staged release, the backup, and a restore beside the present data.

    `unpacked_bytes` is what the manifest announces, `data_bytes` what a full snapshot may take. The archive
    itself is there already when this is asked. A checkpoint holds at most what the full snapshot holds.
    """
    return Room(platform=unpacked_bytes, data=data_bytes, backup=2 * data_bytes)


def full_snapshot_id(update_id: int) -> str:
    """The name of the snapshot that phase `backup` takes."""
    return f"update-{update_id}-full"


def checkpoint_id(update_id: int) -> str:
    """The name of the snapshot that phase `checkpoint` takes."""
    return f"update-{update_id}-checkpoint"
