"""Tells systemd that the loop which takes connections turns: a process that only exists serves nobody."""

import time

from ospi_supervisor.system.notify import READY, WATCHDOG, tell_systemd

BEAT_SECONDS = 10.0
"""Well below the unit's `WatchdogSec`."""


class Pulse:
    """Stands among waitress' dispatchers, each of which it asks at every turn whether there is something to read."""

    KEY = -1
    """No descriptor's number."""

    accepting = False

    def __init__(self) -> None:
        self._beaten_at: float | None = None

    def readable(self) -> bool:
        """Never; asked at each turn, a second apart at most."""
        now = time.monotonic()
        if self._beaten_at is None:
            tell_systemd(READY)
        if self._beaten_at is None or now - self._beaten_at >= BEAT_SECONDS:
            tell_systemd(WATCHDOG)
            self._beaten_at = now
        return False

    def writable(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """There is nothing to close."""
