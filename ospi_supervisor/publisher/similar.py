"""Which file of the old release a new file probably comes from, judged by names and sizes: cheap, and never fatal.

A wrong guess makes a patch that is no smaller than the file, which the delta then does without.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from ospi_supervisor.archive.entries import Entry

# What bundlers put in the names of files: `main.3f9a1c7e.js`, `chunk-B4xQz_1k.css`.
_FINGERPRINT = re.compile(rb"(?<=[.\-_/])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8,}(?=\.)")
_NUMBER = re.compile(rb"[0-9]+")


def _same_place(path: bytes) -> bytes:
    return path


def _without_fingerprint(path: bytes) -> bytes:
    return _FINGERPRINT.sub(b"*", path)


def _without_numbers(path: bytes) -> bytes:
    return _NUMBER.sub(b"*", _without_fingerprint(path))


def _bare_name(path: bytes) -> bytes:
    return _without_fingerprint(path).rpartition(b"/")[2]


def _bare_name_without_numbers(path: bytes) -> bytes:
    return _without_numbers(path).rpartition(b"/")[2]


_LIKENESSES: tuple[Callable[[bytes], bytes], ...] = (
    _same_place,
    _without_fingerprint,
    _without_numbers,
    _bare_name,
    _bare_name_without_numbers,
)
"""From the strictest to the loosest: same path; same but for a fingerprint; for a version; moved; moved and renamed."""


class Similar:
    """Files that may serve as bases, found by likeness."""

    def __init__(self, files: Iterable[Entry]) -> None:
        self._by_key: list[dict[bytes, list[Entry]]] = [defaultdict(list) for _ in _LIKENESSES]
        for entry in files:
            for groups, likeness in zip(self._by_key, _LIKENESSES, strict=True):
                groups[likeness(entry.path)].append(entry)

    def to(self, entry: Entry) -> Entry | None:
        """The likeliest base of `entry`, the nearest in size among the most alike; None where nothing is alike."""
        for groups, likeness in zip(self._by_key, _LIKENESSES, strict=True):
            if found := groups.get(likeness(entry.path)):
                return min(found, key=lambda base: (abs(base.size - entry.size), base.path))
        return None
