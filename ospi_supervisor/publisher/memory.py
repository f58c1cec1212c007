"""What the key folder remembers of each repository: the counters that its clients may have seen.

Clients refuse a repository whose counters go back. A copy restored from a backup has yesterday's, and nothing in it
says so: what signs it must remember.
"""

from pathlib import Path

import msgspec

from ospi_supervisor.errors import RefusedError, system_words
from ospi_supervisor.system.files import write_atomically

_NAME = "seen.json"


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a repository's metadata; `archives` are the paths that it listed then."""

    targets: int = 0
    snapshot: int = 0
    timestamp: int = 0
    archives: tuple[str, ...] = ()

    def is_behind(self, other: "Counters") -> bool:
        """Whether whoever has seen `other` would refuse these."""
        return self.timestamp < other.timestamp or self.snapshot < other.snapshot or self.targets < other.targets

    def missing(self, other: "Counters") -> list[str]:
        """What `other` listed and these do not."""
        return sorted(set(other.archives) - set(self.archives))


def seen(keys: Path, repository: str) -> Counters:
    """What clients of the repository with that identifier may have seen, as the folder `keys` remembers it.

    RefusedError where that memory is unreadable.
    """
    return _all(keys).get(repository, Counters()) if repository else Counters()


def remember(keys: Path, repository: str, counters: Counters) -> None:
    """Note in the folder `keys` what clients see from now on; RefusedError where that folder cannot be written."""
    if not repository:
        return  # it has no identifier before its list is signed again
    try:
        everything = _all(keys) | {repository: counters}
        write_atomically(keys / _NAME, msgspec.json.format(msgspec.json.encode(everything)))
    except OSError as error:
        raise RefusedError(
            f"le dépôt est à jour, mais le dossier de clés {keys} ne peut pas le retenir ({system_words(error)}) ;"
            " rendez-le inscriptible, puis lancez « ospi-release refresh »"
        ) from error


def _all(keys: Path) -> dict[str, Counters]:
    path = keys / _NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Counters])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{path} est abîmé ({error}) ; remettez-le depuis une sauvegarde du dossier de clés"
        ) from error
