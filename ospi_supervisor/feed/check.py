"""What the vendor's repository offers, as far as its signatures prove it (TUF, by python-tuf's own client)."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization import DeserializationError
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater
from urllib3.util import parse_url

from ospi_supervisor.archive.metadata import encode
from ospi_supervisor.domain.offers import REPOSITORY_MARK, Offer, read_offer
from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed import words
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.files import sync_tree

CHECK_SECONDS = 300.0
"""How long a whole check may take; the metadata weigh some kilobytes."""

_TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A proven state of the repository. `newest_root` extends the trust in archives too."""

    offers: tuple[Offer, ...]
    fresh_until: datetime
    newest_root: bytes


def check(transport: Transport, repository: str, state: Path, trusted_root: bytes) -> Catalogue:
    """The repository at the address `repository` (it ends in `/`), proven from `trusted_root` on.

    `state` is the worker's folder: it holds the counters and roots already seen, which protect from rollback.
    FeedError where the repository cannot be reached or proven, or `state` cannot be written; then nothing is offered.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        with closing(_Fetcher(transport, time.monotonic() + CHECK_SECONDS)) as fetcher:
            updater = Updater(str(state), f"{repository}metadata/", fetcher=fetcher, bootstrap=trusted_root)
            updater.refresh()
        offers = tuple(_offers(updater, state))
        sync_tree(state)
    except (exceptions.RepositoryError, exceptions.DownloadError) as error:
        raise _in_french(error, parse_url(repository).host or repository) from error
    except OSError as error:
        raise words.unwritable("les informations du dépôt ne peuvent pas être écrites", state, error) from error
    metadata = {role: Metadata.from_file(str(state / f"{role}.json")) for role in _TOP_LEVEL}
    return Catalogue(
        offers=offers,
        fresh_until=min(document.signed.expires for document in metadata.values()),
        newest_root=encode(metadata["root"]),
    )


def _offers(updater: Updater, state: Path) -> Iterator[Offer]:
    """The targets by name from the file that `refresh` has just proven, each then as the client vouches for it."""
    path = state / "targets.json"
    listed = Metadata[Targets].from_file(str(path)).signed
    if listed.unrecognized_fields.get("x-ospi") != REPOSITORY_MARK:
        # An archive's release.json is signed by the same keys: it must not pass for the repository's list.
        path.unlink()
        raise FeedError(*words.MISMATCHED)
    for name in listed.targets:
        target = updater.get_targetinfo(name)
        custom = target.custom if target else None
        offer = read_offer(name, target.length, target.hashes, custom) if target and isinstance(custom, dict) else None
        if offer:
            yield offer


class _Fetcher(FetcherInterface):
    """python-tuf's downloads over our transport; it keeps the size limits itself."""

    def __init__(self, transport: Transport, deadline: float) -> None:
        self._transport, self._deadline = transport, deadline
        self._download: Generator[bytes] | None = None

    def close(self) -> None:
        """Close the last download's connection, which python-tuf leaves open where it refuses what is too long."""
        if self._download is not None:
            self._download.close()

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._download = self._chunks(url)
        return self._download

    def _chunks(self, url: str) -> Generator[bytes]:
        with self._transport.get(url, deadline=self._deadline) as reply:
            if not reply.is_success:
                raise exceptions.DownloadHTTPError(url, reply.status)
            yield from reply.chunks()


def _in_french(error: exceptions.RepositoryError | exceptions.DownloadError, host: str) -> FeedError:
    """python-tuf's refusal, by the attack that it stops."""
    if isinstance(error, exceptions.DownloadHTTPError):
        return words.status_failure(error.status_code, host)
    if isinstance(error, DeserializationError):
        return FeedError(*words.NOT_METADATA)
    kinds = {
        exceptions.ExpiredMetadataError: words.EXPIRED,
        exceptions.BadVersionNumberError: words.ROLLED_BACK,
        exceptions.UnsignedMetadataError: words.UNSIGNED,
        exceptions.DownloadLengthMismatchError: words.TOO_LONG,
    }
    return FeedError(*kinds.get(type(error), words.MISMATCHED))
