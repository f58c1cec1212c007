"""Costly work that anybody may ask for, one at a time; of those whom nobody knows, few wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import BoundedSemaphore, Condition

from ospi_supervisor.errors import ThrottledError

UNKNOWN_WAITING_MAX = 4
"""How many may wait whom nobody knows: each holds a thread that pages need too."""

_PATIENCE_SECONDS = 20
_SOON = timedelta(seconds=1)


class Turns:
    """Hashing a password: two at once would bring a small server's memory down. Whoever is known goes first."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._is_taken = False
        self._known_waiting = 0
        self._unknown = BoundedSemaphore(UNKNOWN_WAITING_MAX)

    @contextmanager
    def wait(self, *, is_known: bool) -> Iterator[None]:
        """Have the block run while no other does; ThrottledError where too many wait already."""
        if not is_known and not self._unknown.acquire(blocking=False):
            raise _too_many()
        try:
            self._take(is_known)
            try:
                yield
            finally:
                self._give_back()
        finally:
            if not is_known:
                self._unknown.release()

    def _take(self, is_known: bool) -> None:
        with self._changed:
            self._known_waiting += is_known
            try:
                came = self._changed.wait_for(
                    lambda: not self._is_taken and (is_known or not self._known_waiting), _PATIENCE_SECONDS
                )
            finally:
                self._known_waiting -= is_known
            if not came:
                raise _too_many()
            self._is_taken = True

    def _give_back(self) -> None:
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()


def _too_many() -> ThrottledError:
    return ThrottledError("trop de connexions en même temps", _SOON)
