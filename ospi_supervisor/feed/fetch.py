"""Fetching one archive of the repository by ranges, resumed after cuts, restarts and nights."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from random import SystemRandom
from urllib.parse import quote

from urllib3.util import parse_url

from ospi_supervisor.domain.offers import Offer
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed import failures
from ospi_supervisor.feed.part import Part
from ospi_supervisor.feed.transport import Transport

FETCH_SECONDS = 6 * 3600.0
"""How long a fetch may take in one night; the next night goes on from there."""


_NO_RANGE = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_RANGE_REFUSED = {
    False: {_NO_RANGE},
    True: {
        _NO_RANGE,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    },
}
"""What is said of a range; of a range that was asked for (True), also what else may only mean it: asked for as a whole,
the file may come, and nobody is there at night to remove what makes it fail."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Seconds to wait after a first failure, doubled up to `longest`; `attempts` failures in a row without a byte."""

    first: float = 1.0
    longest: float = 60.0
    attempts: int = 8

    def delay(self, failures: int) -> float:
        """Half of it is random, so that thousands of servers do not come back at the same instant."""
        return min(self.longest, self.first * 2.0 ** (failures - 1)) * SystemRandom().uniform(0.5, 1.0)


def fetch(
    transport: Transport,
    repository: str,
    offer: Offer,
    folder: Path,
    *,
    progress: Callable[[float], None],
    check: Callable[[], None],
    retry: Retry | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """The archive of `offer` in `folder`, whole, proven and durable. `progress` is told percents.

    `check` is called often and may raise to stop; what was received stays for the next call, as it does when the
    connection fails for good (FeedError). An archive that is not the signed one leaves nothing behind (FeedError).
    Parts of other archives in `folder`, which is this function's own, are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fetching = _Fetching(transport, repository, offer, progress, check)
    with Part.opened(folder / offer.filename, offer) as part:
        _check_room(folder, offer.size - part.length)
        for _ in range(2):
            _persist(fetching, part, retry or Retry(), sleep)
            if part.is_proven:
                return part.finish()
            if not part.was_resumed:
                break
            # The beginning may be of another version than the rest: once more, from nothing.
            part.restart()
        raise part.refused(failures.WRONG_CONTENT)


class _Fetching:
    """One call of `fetch`: whence, and whom to tell."""

    def __init__(
        self,
        transport: Transport,
        repository: str,
        offer: Offer,
        progress: Callable[[float], None],
        check: Callable[[], None],
    ) -> None:
        self.url = f"{repository}targets/{quote(offer.stored_path)}"
        self.host = parse_url(self.url).host or repository
        self.deadline = time.monotonic() + FETCH_SECONDS
        self._transport, self._progress, self._check = transport, progress, check

    def receive(self, part: Part) -> None:
        """Ask once for what `part` lacks and take what comes; FeedError where that is not all.

        What was received before stays where the answer says itself that it is something else, a portal's page for one.
        """
        with self._transport.get(self.url, part.range_headers(), deadline=self.deadline) as reply:
            if reply.is_success and reply.is_page:
                raise failures.repository_failure(failures.NOT_METADATA)
            if reply.is_success and not part.is_of(reply.status, reply.headers):
                raise failures.repository_failure(failures.WRONG_CONTENT)
            if reply.is_success and part.accepts(reply.status, reply.headers):
                for chunk in reply.chunks():
                    part.append(chunk)
                    self._progress(100 * part.length / part.size)
                    self._check()
            elif reply.is_success or reply.status in _RANGE_REFUSED[part.length > 0]:
                part.restart()
                raise failures.beside(self.host)
            else:
                raise failures.status_failure(reply.status, self.host)
        if part.length < part.size:
            raise failures.cut(self.host)


def _persist(fetching: _Fetching, part: Part, retry: Retry, sleep: Callable[[float], None]) -> None:
    """Receive until `part` has its length; FeedError where trying again does not help."""
    failures, furthest = 0, part.length
    while part.length < part.size:
        try:
            fetching.receive(part)
        except FeedError as error:
            failures = 1 if part.length > furthest else failures + 1
            furthest = max(furthest, part.length)
            if not error.transient or failures >= retry.attempts or time.monotonic() >= fetching.deadline:
                raise
            sleep(retry.delay(failures))


def _check_room(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed:
        raise FeedError(
            f"il manque de la place dans {folder} pour recevoir l'archive ({size(needed)})",
            "libérez de l'espace sur ce disque, ou agrandissez-le",
        )
