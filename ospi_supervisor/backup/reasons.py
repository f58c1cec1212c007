"""What an administrator reads of a path or of a system's error."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import BackupError

NAMED = 5


def shown(path: str | Path) -> str:
    """A path fit for a message, whatever bytes it holds: control characters and foreign bytes are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def unsaved(links: Sequence[Path]) -> str:
    """What to do about `links` that lead out of the data folders; the first are named."""
    lead = counted(len(links), "lien mène hors des dossiers de données", "liens mènent hors des dossiers de données")
    names = ", ".join(f"« {shown(link)} »" for link in links[:NAMED])
    rest = "…" if len(links) > NAMED else ""
    return (
        f"{lead} ({names}{rest}) : ce qui s'y trouve n'est ni sauvegardé ni restauré ; si ce sont des données de la"
        " plateforme, ajoutez leur dossier à « platform.data_dirs »."
    )


def irreplaceable(found: Sequence[tuple[str, str]]) -> str:
    """What cannot be changed, and why; the first are named."""
    return ", ".join(f"« {shown(path)} » ({why})" for path, why in found[:NAMED])


def reason(error: Exception | str) -> str:
    """A program's or the system's own words; of a full disk, ours."""
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    if "No space left on device" in text or "disk is full" in text or "Disk quota exceeded" in text:
        return "le disque est plein : libérez de la place"
    return text


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """The system's errors as BackupError."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise BackupError(f"{what} : {reason(error)}{where}") from error
