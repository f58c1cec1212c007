"""A snapshot's folders in their order: a full one, and the increment that completes it, if it is one."""

from collections.abc import Sequence
from pathlib import Path

from ospi_supervisor.backup.inventory import LISTING, TARBALL
from ospi_supervisor.backup.listing import Listing, changed, load_listing
from ospi_supervisor.errors import BackupError


def wanted(folders: Sequence[Path]) -> Listing:
    """The state that the snapshot stands for. BackupError where its list cannot be read."""
    return _listing(folders[-1])


def sources(folders: Sequence[Path], listing: Listing) -> list[tuple[Path, set[str]]]:
    """Each tarball with those of its members that make up the snapshot: what changed lies in the increment only."""
    if len(folders) == 1:
        return [(folders[0] / TARBALL, set(listing))]
    newer = changed(_listing(folders[0]), listing)
    return [(folders[0] / TARBALL, set(listing) - newer), (folders[1] / TARBALL, newer)]


def _listing(folder: Path) -> Listing:
    try:
        return load_listing(folder / LISTING)
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"la liste {folder / LISTING} est illisible : vérifiez cette sauvegarde") from error
