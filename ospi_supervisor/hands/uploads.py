"""Uploaded archives: files of the web account's, opened by a hand of that account and looked at once open."""

import errno
import fcntl
import os
import socket
import stat
import subprocess
from pathlib import Path
from typing import BinaryIO

from ospi_supervisor.hands.accounts import Account, owner_of
from ospi_supervisor.hands.ending import end
from ospi_supervisor.hands.inside.uploads import DONE
from ospi_supervisor.hands.sandbox import View, enclosed, program

PATIENCE_SECONDS = 60.0
MOST_BYTES = 64


def open_upload(web_dir: Path, path: Path) -> BinaryIO:
    """The file at `path`, which lies below `web_dir`, to be read. OSError where there is none, where it is a link or no
    file, or the file of another account than the one that owns `web_dir`."""
    owner = owner_of(web_dir)
    file = os.fdopen(_through_hand("open", web_dir, path, owner), "rb")
    facts = os.fstat(file.fileno())
    sound = (
        stat.S_ISREG(facts.st_mode)
        and facts.st_uid == owner.user
        and facts.st_nlink == 1
        and fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    )
    if sound:
        return file
    file.close()
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))


def remove_upload(web_dir: Path, path: Path) -> None:
    """Remove the file at `path`, which lies below `web_dir`; one that is gone is no error. OSError."""
    try:
        _through_hand("remove", web_dir, path, owner_of(web_dir))
    except FileNotFoundError:
        return


def _through_hand(do: str, web_dir: Path, path: Path, owner: Account) -> int:
    """The descriptor that the hand sends back; -1 where it sends none."""
    ours, theirs = socket.socketpair()
    command = program("uploads", do, os.fspath(path), *owner.words)
    view = View(folders=[web_dir], capabilities=owner.capabilities)
    with (
        ours,
        enclosed(command, view) as (line, descriptors),
        theirs,
        subprocess.Popen(
            line,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            pass_fds=descriptors,
        ) as process,
    ):
        theirs.close()
        try:
            ours.settimeout(PATIENCE_SECONDS)
            said, received, _, _ = socket.recv_fds(ours, MOST_BYTES, 1)
        finally:
            end(process)
    if said == DONE:
        return received[0] if received else -1
    for descriptor in received:
        os.close(descriptor)
    number = int(said) if said.isdigit() else errno.EIO
    raise OSError(number, os.strerror(number), str(path))
