"""The file systems that lie below a folder: each is made durable by itself, and nothing can be renamed across them."""

import re
from collections.abc import Iterable
from pathlib import Path

from ospi_supervisor.system.files import sync_tree

MOUNTINFO = Path("/proc/self/mountinfo")
PLACE = 4
"""Where the mount point stands in a line of it (proc(5)): spaces, newlines and backslashes are octal escapes."""
FSTAB = Path("/etc/fstab")
NOT_AT_BOOT = {"noauto", "x-systemd.automount"}


def mount_points() -> frozenset[Path]:
    """Every mount point that this process sees, a folder bound to itself included (as systemd's services have them)."""
    lines = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return frozenset(Path(_unescaped(line.split(" ")[PLACE])) for line in lines)


def mounted_below(folder: Path) -> list[Path]:
    """The mount points below `folder`, itself excepted."""
    top = folder.resolve()
    return sorted(place for place in mount_points() if top in place.parents)


def missing_mounts(folders: Iterable[Path], fstab: Path = FSTAB) -> list[Path]:
    """The mount points that hold `folders`, or lie below them, that the machine declares (fstab(5)) and does not have.

    An empty folder in the place of a disk would pass for data.
    """
    if not fstab.is_file():
        return []
    text = fstab.read_text(encoding="utf-8", errors="surrogateescape")
    rows = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    at_boot = [row for row in rows if len(row) > 3 and not NOT_AT_BOOT & set(row[3].split(","))]
    missing = {Path(_unescaped(row[1])).resolve() for row in at_boot if row[1].startswith("/")} - mount_points()
    tops = [folder.resolve() for folder in folders]
    return sorted(
        place for place in missing if any(place in (top, *top.parents) or top in place.parents for top in tops)
    )


def sync_trees(folders: Iterable[Path]) -> None:
    """Make everything below `folders` durable, on whatever file systems it lies. Raises OSError."""
    mounts = mount_points()
    for folder in folders:
        top = folder.resolve()
        for place in (top, *(mount for mount in mounts if top in mount.parents)):
            sync_tree(place)


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
