"""What an administrator reads of a path or of a system's error."""

import os
from pathlib import Path


def shown(path: str | Path) -> str:
    """A path fit for a message, whatever bytes it holds: control characters and foreign bytes are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def reason(error: Exception | str) -> str:
    """A program's or the system's own words; of a full disk, ours."""
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    if "No space left on device" in text or "disk is full" in text or "Disk quota exceeded" in text:
        return "le disque est plein : libérez de la place"
    return text
