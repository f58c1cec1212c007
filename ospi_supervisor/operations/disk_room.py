"""The room that uploads take on the disk, and what is said where there is none."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ospi_supervisor.domain import words
from ospi_supervisor.errors import RefusedError


def check_room(folder: Path, size: int) -> None:
    """RefusedError `no_room` where `folder` has less than `size` bytes free."""
    if size > shutil.disk_usage(folder).free:
        raise RefusedError(
            f"il n'y a pas la place de recevoir cette archive ({words.size(size)}) sur le disque du Superviseur"
            f" ({folder}) ; libérez de l'espace puis recommencez",
            code="no_room",
        )


@contextmanager
def refusing_what_the_disk_refuses(folder: Path) -> Iterator[None]:
    """Turn the system's « no room » into RefusedError `no_room`: what was recorded stands, and can be gone on with;
    its « no such file » into `unknown`: the upload is to begin anew."""
    try:
        yield
    except FileNotFoundError as error:
        raise RefusedError("cet envoi a perdu ses octets ; recommencez-le", code="unknown") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RefusedError(
            f"le disque du Superviseur ({folder}) est plein ; libérez de l'espace, puis reprenez l'envoi",
            code="no_room",
        ) from error
