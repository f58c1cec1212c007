"""Whether a folder would let itself be written in: found by looking, so that nothing begins that cannot end."""

import fcntl
import os
import stat
import struct
from pathlib import Path

FS_IOC_GETFLAGS = 0x80086601
"""ioctl_iflags(2)."""
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20
_TRIAL = ".ospi-essai"
_ANYBODY = 65534
_MODE = 0o640
"""None that a file is made with, and none that a mount gives to all of its files (0600, 0644, 0755, 0777)."""


def write_refusal(folder: Path) -> str | None:
    """What keeps us from adding and removing a name in `folder`, or in the nearest one above where it is to be made;
    None where nothing does. A folder is made there and removed again."""
    if os.path.lexists(folder) and not folder.is_dir():
        return "n'est pas un dossier"
    place = next(place for place in (folder, *folder.parents) if place.is_dir())
    if (refusal := sealed(place)) is not None:
        return refusal
    try:
        (place / _TRIAL).mkdir(exist_ok=True)
        (place / _TRIAL).rmdir()
    except OSError as error:
        return error.strerror
    return None


def ownership_refusal(folder: Path) -> str | None:
    """What keeps a file in `folder` from having the mode and the owner that it is given; None where nothing does.

    A file is made there and removed again. Network shares and foreign file systems may refuse, or say that it was done.
    """
    if not folder.is_dir():
        return None
    import tempfile  # a hand that looks at a folder is started without it

    doing = "créer un fichier"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=_TRIAL) as file:
            doing = "changer ses droits (chmod)"
            os.fchmod(file.fileno(), _MODE)
            kept = stat.S_IMODE(os.fstat(file.fileno()).st_mode) == _MODE
            if os.geteuid() == 0:
                doing = "changer son propriétaire (chown)"
                os.fchown(file.fileno(), _ANYBODY, _ANYBODY)
                kept = kept and os.fstat(file.fileno()).st_uid == _ANYBODY
    except OSError as error:
        return f"impossible d'y {doing} : {error.strerror}"
    return None if kept else "droits et propriétaires n'y sont pas gardés (chmod et chown sans effet)"


def sealed(path: Path) -> str | None:
    """What keeps root from changing `path`: its file system, its own attributes, or the server of its share; None where
    nothing does.

    Nothing is written: another account may own what lies there.
    """
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return "système de fichiers en lecture seule"
        flags = _attributes(path)
    except OSError as error:
        return error.strerror
    if flags & (_IMMUTABLE | _APPEND_ONLY):
        return f"protégé contre les changements (chattr -{'i' if flags & _IMMUTABLE else 'a'})"
    if os.geteuid() == 0 and os.path.isdir(path) and not os.access(path, os.W_OK):  # noqa: PTH112 - hands have no pathlib
        return "fermé à root par le serveur de fichiers (NFS : root_squash)"
    return None


def _attributes(path: Path) -> int:
    """The inode's flags; none where the file system knows none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return int(struct.unpack("l", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, struct.pack("l", 0)))[0]) & 0xFFFFFFFF
    except OSError:
        return 0
    finally:
        os.close(descriptor)


def wrong_kind(path: Path) -> bool:
    """Whether something other than a regular file stands where one is to be written."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_file())
