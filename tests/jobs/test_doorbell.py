"""Who waits for a request or a task is woken by it, and does not find it at its next look."""

import errno
import io
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from ospi_supervisor.jobs import doorkeeper, memory
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.web_store import WebStore
from tests.support.engine import now

NEVER = 10**6
PATIENCE_SECONDS = 30


def test_a_task_wakes_a_thread_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LOOK_UP_SECONDS", NEVER)
    storage, done = memory._Waking(), threading.Event()
    taken: list[object] = []

    def take() -> None:
        while not taken:
            taken.append(storage.dequeue())
        done.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    storage.enqueue(b"task")

    assert done.wait(PATIENCE_SECONDS)
    assert taken == [b"task"]


def no_more(_folder: Path) -> NoReturn:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize("looks_in_vain", [0, 4])
@pytest.mark.parametrize("told_by_the_system", [True, False])
def test_the_door_keeper_sees_that_the_bell_was_rung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_by_the_system: bool, looks_in_vain: int
) -> None:
    """Also where a slow disk lies between the write that wakes it and the moment that SQLite shows what was written."""
    monkeypatch.setattr(doorkeeper, "QUIET_SECONDS", 2 * PATIENCE_SECONDS)
    if not told_by_the_system:
        monkeypatch.setattr(doorkeeper, "Written", no_more)
    store = WebStore(sqlite_url(tmp_path / "web.db"))
    queue = Queue(tmp_path / "queue" / "queue.db")
    number = store.add_request("cancel", {"update_id": 1}, source="import", by="alice", now=now())
    door = doorkeeper._Door(tmp_path / "queue" / "queue.db", str(tmp_path / "web.db"))
    told = door.rung({"seconds": PATIENCE_SECONDS}, io.BytesIO())
    assert next(told) is None, "it has read the silent queue once, and will not again by itself"

    shown = door._next
    looks = iter([True] * looks_in_vain)
    monkeypatch.setattr(door, "_next", lambda: None if next(looks, False) else shown())
    queue.ring(number)

    assert [row[0] for row in told if row is not None] == [number]
    store.close()
