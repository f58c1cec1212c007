"""Durable formats: each says its number, and which version of this program wrote it. Version 0.1.0's said neither."""

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.errors import NewerFormatError


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What every version reads of a record that any version wrote, whatever else is in it."""

    format: int = 1
    written_by: str = "0.1.0"


def refuse_newer(stamp: Stamp, known: int, what: str) -> None:
    """NewerFormatError where the record called `what` is of a format after the number `known`."""
    if stamp.format > known:
        raise NewerFormatError(newer(what, stamp.written_by))


def newer(what: str, writer: str) -> str:
    """Why `what`, written in a format that this program does not know yet, is left as it is."""
    return (
        f"{what} est d'un format plus récent : c'est la version {writer} de Superviseur qui l'a écrit, et celle-ci est"
        f" la {__version__} ; rien n'y a été changé, installez la version {writer} ou une plus récente"
    )
