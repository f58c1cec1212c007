"""The server's time zone."""

import os
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALTIME = Path("/etc/localtime")


def local_zone() -> tzinfo:
    """The zone with all its rules, not today's offset alone: that of the variable TZ where it gives the name of a zone
    or the path of its file, else that of `/etc/localtime`; UTC where neither gives one."""
    name = os.environ.get("TZ", "").removeprefix(":")
    return _zone(name) or _zone(str(LOCALTIME)) or UTC


def _zone(name: str) -> tzinfo | None:
    """The zone called `name`, or in the file of that absolute path; None where there is none."""
    try:
        if not name.startswith("/"):
            return ZoneInfo(name) if name else None
        with Path(name).open("rb") as file:
            return ZoneInfo.from_file(file)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None
