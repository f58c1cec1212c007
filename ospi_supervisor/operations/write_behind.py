"""Work that follows behind what arrives, so that the next bytes need not wait for the disk.

What arrives faster than it can be settled is settled together: a fast line costs few waits for the disk, and on a
slow one each slice is settled before the next one is there.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Lock

from ospi_supervisor.errors import RefusedError

THREADS = 4


@dataclass
class _Flow:
    """How far something arrived and was settled; `at_work` while a thread is at it, `error` what ended that."""

    arrived: int
    settled: int
    at_work: bool = False
    error: Exception | None = None


class WriteBehind:
    """Calls `settle(key, end)` in the background for everything that arrived, one call at a time for each key.

    What arrives may be `ahead_max` beyond what is settled, in whatever it is counted.
    """

    def __init__(self, settle: Callable[[str, int], None], ahead_max: int) -> None:
        self._settle = settle
        self._ahead_max = ahead_max
        self._flows: dict[str, _Flow] = {}
        self._changed = Condition()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="write_behind")

    def arrived(self, key: str) -> int:
        """How far `key` arrived; 0 where nothing of it is waiting to be settled."""
        with self._changed:
            flow = self._flows.get(key)
            return 0 if flow is None else flow.arrived

    def add(self, key: str, start: int, end: int) -> None:
        """`key` arrived from `start`, which was settled or handed over before, to `end`.

        Waits while too much is unsettled. Raises what `settle` raised: then it is as if no more than was settled
        had ever arrived.
        """
        with self._changed:
            flow = self._flows.setdefault(key, _Flow(start, start))
            if flow.error is None:
                flow.arrived = end
                if not flow.at_work:
                    flow.at_work = True
                    self._pool.submit(self._work, key, flow)
            self._wait(key, flow, lambda: flow.arrived - flow.settled <= self._ahead_max)

    def finish(self, key: str) -> None:
        """Wait until all that arrived of `key` is settled; raises as `add` does."""
        with self._changed:
            flow = self._flows.get(key)
            if flow is not None:
                self._wait(key, flow, lambda: not flow.at_work)

    def _wait(self, key: str, flow: _Flow, enough: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: flow.error is not None or enough())
        if flow.error is not None:
            self._flows.pop(key, None)
            raise flow.error

    def _work(self, key: str, flow: _Flow) -> None:
        end = flow.settled
        while self._goes_on(key, flow, end):
            end = flow.arrived
            try:
                self._settle(key, end)
            except Exception as error:  # noqa: BLE001 -- whoever adds next is told
                with self._changed:
                    flow.error, flow.at_work = error, False
                    self._changed.notify_all()
                return

    def _goes_on(self, key: str, flow: _Flow, settled: int) -> bool:
        """Note how far it is settled; False, and nothing is kept of it, where nothing more has arrived."""
        with self._changed:
            flow.settled = settled
            flow.at_work = flow.arrived > settled
            if not flow.at_work:
                self._flows.pop(key, None)
            self._changed.notify_all()
            return flow.at_work


class OneAtATime:
    """Lets one request at a time work on each upload."""

    def __init__(self) -> None:
        self._in_use: set[str] = set()
        self._lock = Lock()

    @contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        """Work on `key`; RefusedError `in_progress` while another does."""
        with self._lock:
            if key in self._in_use:
                raise RefusedError("une autre requête travaille sur cet envoi ; réessayez", code="in_progress")
            self._in_use.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._in_use.discard(key)
