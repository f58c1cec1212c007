"""What the vendor's repository offers, as far as its signatures prove it (TUF, by python-tuf's own client)."""

import re
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization import DeserializationError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater
from urllib3.util import parse_url

from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.offers import REPOSITORY_MARK, Offer, read_offer
from ospi_supervisor.errors import ArchiveError, FeedError
from ospi_supervisor.feed import failures
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.files import sync_tree

CHECK_SECONDS = 300.0
"""How long a whole check may take; the metadata weigh some kilobytes."""

_MAX_ROOT = UpdaterConfig().root_max_length
_ROOT_ADDRESS = re.compile(r"/[0-9]+\.root\.json")

_TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A proven state of the repository. `newest_root` extends the trust in archives too."""

    offers: tuple[Offer, ...]
    fresh_until: datetime
    newest_root: bytes


def check(transport: Transport, repository: str, state: Path, trusted_root: bytes) -> Catalogue:
    """The repository at the address `repository` (it ends in `/`), proven from `trusted_root` on.

    `state` is the worker's folder: it holds the counters already seen, which protect from rollback. Roots are kept by
    `Trust` alone, which judges each before python-tuf, less strict, sees it: two verifiers that disagree on what one of
    them has kept would refuse the repository for good. FeedError where the repository cannot be reached or proven, or
    `state` cannot be written; then nothing is offered. ArchiveError where `trusted_root` is none.
    """
    trust = Trust.delivered(trusted_root)
    try:
        state.mkdir(parents=True, exist_ok=True)
        trust = _proven_history(state / "root_history", trust)
        with closing(_Fetcher(transport, time.monotonic() + CHECK_SECONDS, trust)) as fetcher:
            updater = Updater(str(state), f"{repository}metadata/", fetcher=fetcher, bootstrap=trusted_root)
            updater.refresh()
        offers = tuple(_offers(updater, state))
        sync_tree(state)
    except (exceptions.RepositoryError, exceptions.DownloadError) as error:
        raise _in_french(error, parse_url(repository).host or repository) from error
    except OSError as error:
        raise failures.unwritable("les informations du dépôt ne peuvent pas être écrites", state, error) from error
    metadata = {role: Metadata.from_file(str(state / f"{role}.json")) for role in _TOP_LEVEL}
    return Catalogue(
        offers=offers,
        fresh_until=min(document.signed.expires for document in metadata.values()),
        newest_root=fetcher.trust.root_bytes,
    )


def _offers(updater: Updater, state: Path) -> Iterator[Offer]:
    """The targets by name from the file that `refresh` has just proven, each then as the client vouches for it."""
    path = state / "targets.json"
    listed = Metadata[Targets].from_file(str(path)).signed
    if listed.unrecognized_fields.get("x-ospi") != REPOSITORY_MARK:
        # An archive's release.json is signed by the same keys: it must not pass for the repository's list.
        path.unlink()
        raise failures.repository_failure(failures.MISMATCHED)
    for name in listed.targets:
        target = updater.get_targetinfo(name)
        custom = target.custom if target else None
        offer = read_offer(name, target.length, target.hashes, custom) if target and isinstance(custom, dict) else None
        if offer:
            yield offer


class _Fetcher(FetcherInterface):
    """python-tuf's downloads over our transport; it keeps the size limits itself.

    `trust` is the newest root that was handed over: none is that it does not prove.
    """

    def __init__(self, transport: Transport, deadline: float, trust: Trust) -> None:
        self.trust = trust
        self._transport, self._deadline = transport, deadline
        self._download: Generator[bytes] | None = None

    def close(self) -> None:
        """Close the last download's connection, which python-tuf leaves open where it refuses what is too long."""
        if self._download is not None:
            self._download.close()

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._download = self._root(url) if _ROOT_ADDRESS.search(url) else self._chunks(url)
        return self._download

    def _root(self, url: str) -> Generator[bytes]:
        data = b""
        for chunk in self._chunks(url):
            data += chunk
            if len(data) > _MAX_ROOT:
                raise exceptions.DownloadLengthMismatchError(url)
        try:
            self.trust = _followed(self.trust, data)
        except ArchiveError as error:
            raise _root_refused(error) from error
        yield data

    def _chunks(self, url: str) -> Generator[bytes]:
        with self._transport.get(url, deadline=self._deadline) as reply:
            if not reply.is_success:
                raise exceptions.DownloadHTTPError(url, reply.status)
            yield from _of_metadata(reply.chunks())


def _of_metadata(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """`chunks` as they come; FeedError where they begin as no metadata do: a portal's page is told as that, however
    long it is."""
    first = b""
    for chunk in chunks:
        if not first:
            first = chunk.lstrip()[:1]
            if first not in (b"", b"{"):
                raise failures.repository_failure(failures.NOT_METADATA)
        yield chunk


def _proven_history(folder: Path, trust: Trust) -> Trust:
    """The trust after the roots that earlier checks kept; what it does not prove is removed."""
    while (path := folder / f"{trust.version + 1}.root.json").exists():
        try:
            trust = _followed(trust, path.read_bytes())
        except ArchiveError:
            for version in range(trust.version + 1, trust.version + 1 + len(list(folder.iterdir()))):
                (folder / f"{version}.root.json").unlink(missing_ok=True)
    return trust


def _followed(trust: Trust, data: bytes) -> Trust:
    return trust.followed_by(trust.cleaned(data))


def _root_refused(error: ArchiveError) -> FeedError:
    if error.__cause__ is not None:  # a library could make nothing of it
        return failures.repository_failure(failures.NOT_METADATA)
    return failures.repository_failure(failures.MISMATCHED if error.code == "tampered" else failures.UNSIGNED)


def _in_french(error: exceptions.RepositoryError | exceptions.DownloadError, host: str) -> FeedError:
    """python-tuf's refusal, by the attack that it stops."""
    if isinstance(error, exceptions.DownloadHTTPError):
        return failures.status_failure(error.status_code, host)
    if isinstance(error, DeserializationError):
        return failures.repository_failure(failures.NOT_METADATA)
    kinds = {
        exceptions.ExpiredMetadataError: failures.EXPIRED,
        exceptions.BadVersionNumberError: failures.ROLLED_BACK,
        exceptions.UnsignedMetadataError: failures.UNSIGNED,
        exceptions.DownloadLengthMismatchError: failures.TOO_LONG,
    }
    return failures.repository_failure(kinds.get(type(error), failures.MISMATCHED))
