"""What an update will need before it begins: room on each disk, and the names of its snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class DataWeight:
    """What the platform's data weigh, in bytes and uncompressed: each folder and each database's file, by its path.

    `servers` is what databases weigh of which their server alone knows where they lie.
    """

    places: Mapping[str, int] = field(default_factory=dict)
    servers: int = 0

    @property
    def total(self) -> int:
        """What a full snapshot may take."""
        return sum(self.places.values()) + self.servers


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many bytes an update writes at most, by what the disk is for; beside each datum, as much as it weighs."""

    platform: int = 0
    data: DataWeight = field(default_factory=DataWeight)
    backup: int = 0
    state: int = 0


def room_needed(*, unpacked_bytes: int, data: DataWeight, hooks_bytes: int = 0, to_come: int = 0) -> Room:
    """The room for the archive, the staged release, the backup, and a restore beside the present data.

    `unpacked_bytes` is what the manifest announces, `hooks_bytes` what its hooks write besides, `to_come` how many
    bytes of the archive are still to arrive: the worker reads it where it arrived. A checkpoint
    holds at most what the full snapshot holds.
    """
    return Room(platform=unpacked_bytes + hooks_bytes, data=data, backup=2 * data.total, state=to_come)


def full_snapshot_id(update_id: int) -> str:
    """The name of the snapshot that phase `backup` takes."""
    return f"update-{update_id}-full"


def checkpoint_id(update_id: int) -> str:
    """The name of the snapshot that phase `checkpoint` takes."""
    return f"update-{update_id}-checkpoint"
