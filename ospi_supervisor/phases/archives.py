"""The archive of an update, wherever it came from: through a hand where the web account keeps it."""

from pathlib import Path
from typing import BinaryIO

from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.hands.uploads import open_upload, remove_upload
from ospi_supervisor.system.files import open_regular


def open_archive(paths: StatePaths, archive: Path) -> BinaryIO:
    """The file `archive`, to be read. OSError where it cannot be, and for what is no file, or a link of the web's."""
    return open_upload(paths.web_dir, archive) if archive.is_relative_to(paths.web_dir) else open_regular(archive)


def forget_archive(paths: StatePaths, archive: Path) -> None:
    """Remove `archive` where it is an upload, or was fetched by us; another stays. OSError."""
    if archive.parent == paths.uploads_dir:
        remove_upload(paths.web_dir, archive)
    elif archive.parent == paths.fetched_dir:
        archive.unlink(missing_ok=True)
