"""What the worker does when it is told to, and each minute: tasks of a Huey that lives in its memory alone."""

import signal
from collections.abc import Callable
from datetime import datetime
from threading import Condition
from typing import Any

from huey import Huey
from huey.consumer import Consumer
from huey.serializer import Serializer
from huey.storage import MemoryStorage

from ospi_supervisor.store.web_rows import RequestRow

THREADS = 3
"""One runs the update, the others go on judging requests (a cancellation must not wait for the update's end)."""

LOOK_UP_SECONDS = 1.0
"""After which a thread that waits for a task, or for a signal, sees whether it is to end."""

SCHEDULER_SECONDS = 5
"""How often it is seen whether a minute has passed."""


class Jobs:
    """`handle` is done for each request told, `tick` each minute. The databases are the truth: what is lost with this
    memory is found again each minute."""

    def __init__(self, handle: Callable[[RequestRow], None], tick: Callable[[], None]) -> None:
        self._huey = Huey(storage_class=_Waking, results=False, serializer=_AsItIs())
        self.handle: Callable[[RequestRow], object] = self._huey.task()(handle)

        def each_minute() -> None:
            tick()

        self._huey.periodic_task(_always)(each_minute)

    def consumer(self) -> Consumer:
        """What works them off, in this process; SIGTERM lets the tasks at work end, and so does a closed terminal."""
        return _Ending(self._huey, workers=THREADS, graceful_signal="TERM", scheduler_interval=SCHEDULER_SECONDS)


class _Ending(Consumer):  # type: ignore[misc]  # huey has no types
    """SIGHUP ends it as SIGTERM does: huey's own would start the program anew in the middle of an update."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stop_flag_timeout = LOOK_UP_SECONDS

    def start(self) -> None:
        super().start()
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


class _Waking(MemoryStorage):  # type: ignore[misc]  # huey has no types
    """Wakes a thread for each task: none polls with huey's growing delays."""

    blocking = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._came = Condition(self._lock)

    def enqueue(self, data: Any, priority: int | None = None) -> None:
        with self._came:
            super().enqueue(data, priority)
            self._came.notify()

    def dequeue(self) -> Any:
        with self._came:
            if not self.queue_size():
                self._came.wait(LOOK_UP_SECONDS)
            return super().dequeue()


class _AsItIs(Serializer):  # type: ignore[misc]  # huey has no types
    """Nothing leaves this memory."""

    def _serialize(self, data: Any) -> Any:
        return data

    def _deserialize(self, data: Any) -> Any:
        return data


def _always(_now: datetime) -> bool:
    """Huey's own calendar is UTC and catches nothing up: what is due is our rules' to say, each minute."""
    return True
