"""An archive on its way in: a file that survives cuts, restarts and power failures, proven when it is whole.

`NAME.part` receives the bytes, `NAME.part.etag` the server's word for the version they are of. Both go when the
archive is finished, or when it turns out not to be the signed one.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from io import FileIO
from pathlib import Path

from ospi_supervisor.domain.offers import Offer
from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed.failures import TOO_LONG, unwritable
from ospi_supervisor.system.files import fsync_dir, write_atomically

_SYNC_BYTES = 64 * 1024**2
_CHUNK = 1024**2
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)
_ETAG = re.compile(r'"[\x21-\x7e]{0,200}"')
"""A strong one that can be sent back: a weak one (W/) says nothing about bytes, and servers refuse long headers."""

_LENGTH = re.compile(r"\d{1,18}", re.ASCII)


class Part:
    """The bytes received of one offer; made by `opened`."""

    def __init__(self, final: Path, offer: Offer, file: FileIO) -> None:
        self.size = offer.size
        self.length = 0
        self.was_resumed = False
        self._final, self._offer, self._file = final, offer, file
        self._etag_path = part_path(final).with_suffix(".part.etag")
        self._digest = hashlib.sha256()
        self._unsynced = 0

    @classmethod
    @contextmanager
    def opened(cls, final: Path, offer: Offer) -> Iterator["Part"]:
        """The part of the archive `final`, with what earlier calls received; what comes is durable at the end.

        Its folder belongs to fetching: anything else in it is another archive's remains, and is removed.
        """
        path = part_path(final)
        if final.exists():  # finished before, and proven anew like any other bytes
            final.replace(path)
        for other in final.parent.iterdir():
            if not other.name.startswith(path.name):
                other.unlink()
        # Unbuffered: what was taken is in the file, even after a write that the disk refused.
        with FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            part = cls(final, offer, file)
            part._read_back()
            try:
                yield part
            finally:
                part._sync()

    @property
    def is_proven(self) -> bool:
        """Whether these are the very bytes that the vendor signed."""
        return self.length == self.size and self._digest.hexdigest() == self._offer.sha256

    def range_headers(self) -> dict[str, str]:
        """The headers that ask for the missing bytes, of the same version as those that are here."""
        if not self.length:
            return {}
        etag = self._etag()
        return {"Range": f"bytes={self.length}-"} | ({"If-Range": etag} if etag else {})

    def is_of(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether what the body is, or is a part of, has this archive's length, as far as the answer says."""
        if status == HTTPStatus.PARTIAL_CONTENT:
            found = _RANGE.fullmatch(headers.get("Content-Range", ""))
            whole = found[2] if found else ""
        else:
            whole = headers.get("Content-Length", "")
        return not _LENGTH.fullmatch(whole) or int(whole) == self.size

    def accepts(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether the body that follows goes on from here; a whole one begins this part anew and is accepted."""
        etag = headers.get("ETag", "")
        if status == HTTPStatus.PARTIAL_CONTENT:
            found = _RANGE.fullmatch(headers.get("Content-Range", ""))
            same_version = not (self.length and etag and self._etag()) or etag == self._etag()
            if not found or int(found[1]) != self.length or not same_version:
                return False
            self.was_resumed = self.was_resumed or self.length > 0
        elif self.length:
            self.restart()
        if _ETAG.fullmatch(etag) and etag != self._etag():
            write_atomically(self._etag_path, etag.encode("latin-1"))
        return True

    def append(self, chunk: bytes) -> None:
        """Take `chunk`; FeedError, and nothing is left, where it goes past the signed length."""
        if self.length + len(chunk) > self.size:
            raise self.refused(TOO_LONG)
        with self._disk_errors():
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._digest.update(chunk)
        self.length += len(chunk)
        self._unsynced += len(chunk)
        if self._unsynced >= _SYNC_BYTES:
            self._sync()

    def restart(self) -> None:
        """Forget what was received."""
        self._file.seek(0)
        self._file.truncate()
        self._etag_path.unlink(missing_ok=True)
        self._digest = hashlib.sha256()
        self.length, self.was_resumed = 0, False

    def finish(self) -> Path:
        """Give the proven archive its name, durably."""
        self._sync()
        part_path(self._final).replace(self._final)
        self._etag_path.unlink(missing_ok=True)
        fsync_dir(self._final.parent)
        return self._final

    def refused(self, words: tuple[str, str]) -> FeedError:
        """Remove everything; returns the error that says why."""
        part_path(self._final).unlink(missing_ok=True)
        self._etag_path.unlink(missing_ok=True)
        return FeedError(*words)

    def _read_back(self) -> None:
        while chunk := self._file.read(_CHUNK):
            self._digest.update(chunk)
            self.length += len(chunk)
        self.was_resumed = self.length > 0
        if self.length > self.size:
            self.restart()

    def _sync(self) -> None:
        with self._disk_errors():
            os.fsync(self._file.fileno())
        self._unsynced = 0

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable("l'archive ne peut pas être écrite", self._final.parent, error) from error

    def _etag(self) -> str:
        return self._etag_path.read_bytes().decode("latin-1") if self._etag_path.exists() else ""


def has_begun(final: Path) -> bool:
    """Whether bytes of the archive `final` are there: all of them, or what earlier calls received."""
    return any(path.exists() and path.stat().st_size > 0 for path in (final, part_path(final)))


def part_path(final: Path) -> Path:
    return final.with_name(f"{final.name}.part")
