"""The releases of the platform: `releases/VERSION/`, and the link `current` that names the one in use."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.system.files import fsync_dir, remove_closed_tree
from ospi_supervisor.system.mounts import mounted_below

_PLAIN_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]*")


class Releases:
    """Names and renames release folders below `root`. Every change is durable when the method returns.

    Folders whose name begins with a full stop are work in hand (`.VERSION.staging`, `.VERSION.removed`): they
    are no release, and `remove` takes them away with the release they belong to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "releases"
        self.link = root / "current"

    def current(self) -> str:
        """The version that the link names; PlatformError where there is no such link or release."""
        try:
            target = self.link.resolve(strict=True)
        except OSError as error:
            raise PlatformError(
                f"le lien {self.link} ne mène à aucune version ({error.strerror}) ;"
                f" enregistrez la version installée avec « {command_line('adopt')} »"
            ) from error
        if target.parent != self.folder.resolve():
            raise PlatformError(f"le lien {self.link} mène hors de {self.folder} ({target}) ; corrigez ce lien")
        return target.name

    def path(self, version: str) -> Path:
        """Where the release `version` lies, or would lie."""
        if not _PLAIN_NAME.fullmatch(version):
            raise PlatformError(f"« {version} » ne peut pas nommer un dossier de version")
        return self.folder / version

    def staging(self, version: str) -> Path:
        """Where the release `version` is built, on the same file system as its final place."""
        return self.path(version).with_name(f".{version}.staging")

    def versions(self) -> list[str]:
        """The releases that are there, complete, in no order that means anything."""
        if not self.folder.is_dir():
            return []
        return sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir() and entry.name[0] != ".")

    def publish(self, version: str) -> None:
        """Give the staged release its name. PlatformError where a release of that name is there already."""
        final = self.path(version)
        if final.exists():
            raise PlatformError(f"la version {version} existe déjà dans {self.folder} ; retirez ce dossier d'abord")
        with _words(f"impossible de mettre la version {version} à sa place"):
            self.staging(version).rename(final)
            fsync_dir(self.folder)

    def point_to(self, version: str) -> None:
        """Make `current` name `version`, atomically: whoever reads the link sees the old release or the new one.

        Where it names it already nothing is written: a disk that turned read-only does not stop the way back.
        PlatformError says where it leads then.
        """
        if not self.path(version).is_dir():
            raise PlatformError(f"la version {version} n'est pas dans {self.folder} : la bascule est impossible")
        temporary = self.root / ".current.new"
        try:
            if temporary.is_symlink():
                temporary.unlink()
            if not self._is_current(version):
                temporary.symlink_to(Path("releases") / version)
                temporary.replace(self.link)
            fsync_dir(self.root)
        except OSError as error:
            raise PlatformError(
                f"impossible de faire mener {self.link} à la version {version} : {error.strerror} ({error.filename}) ;"
                f" à cet instant, il mène à {self._where()}"
            ) from error

    def remove(self, version: str) -> None:
        """Delete a release and what was staged of it; nothing happens where there is none.

        The folder loses its name first, so that a crash never leaves half a release that looks whole.
        PlatformError for the release in use.
        """
        if self._is_current(version):
            raise PlatformError(f"la version {version} est en service : elle ne peut pas être retirée")
        doomed = self.path(version).with_name(f".{version}.removed")
        with _words(f"impossible de retirer la version {version}"):
            _check_nothing_is_mounted_in(self.path(version))
            _delete(doomed)
            if os.path.lexists(self.path(version)):
                self.path(version).rename(doomed)
                fsync_dir(self.folder)
                _delete(doomed)
            _delete(self.staging(version))

    def _where(self) -> str:
        return str(self.link.readlink()) if self.link.is_symlink() else "rien"

    def _is_current(self, version: str) -> bool:
        return self.link.is_symlink() and self.link.resolve() == self.path(version).resolve()


def _check_nothing_is_mounted_in(folder: Path) -> None:
    """PlatformError: what is mounted goes along when the folder is renamed, and would be emptied with it."""
    if mounted := mounted_below(folder):
        raise PlatformError(f"un disque est monté dans {folder.name} ({mounted[0]}) ; démontez-le d'abord")


def _delete(folder: Path) -> None:
    """Delete a tree, read-only folders included, without ever following a link or a mount out of it."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    if not folder.exists():
        return
    _check_nothing_is_mounted_in(folder)
    remove_closed_tree(folder)


@contextmanager
def _words(failure: str) -> Iterator[None]:
    """Turn an OSError into a PlatformError that says what could not be done."""
    try:
        yield
    except OSError as error:
        raise PlatformError(f"{failure} : {error.strerror} ({error.filename})") from error
