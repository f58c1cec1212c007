"""The queue's messages are JSON, and its file is of no use to somebody who would run code."""

import os
import pickle
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from huey import SqliteHuey
from huey.registry import Message

from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.jobs.serializer import JSONSerializer
from tests.support.system import require_root

MOMENT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def rows(path: Path) -> list[bytes]:
    connection = sqlite3.connect(path)
    found = [bytes(row[0]) for row in connection.execute("select data from task")]
    connection.close()
    return found


def test_ringing_leaves_one_json_message_with_the_number(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue" / "huey.db")
    queue.ring(42)
    (message,) = rows(tmp_path / "queue" / "huey.db")
    assert b'"args":[42]' in message
    assert message.startswith(b"{")


def test_a_queue_that_root_makes_belongs_to_the_account_of_its_folder(tmp_path: Path) -> None:
    require_root("only it can give files away")
    os.chown(tmp_path, 1234, 1234)
    Queue(tmp_path / "huey.db").ring(1)
    assert {path.stat().st_uid for path in tmp_path.iterdir()} == {1234}


def test_the_queue_is_shared_by_owner_and_group_only(tmp_path: Path) -> None:
    path = tmp_path / "queue" / "huey.db"
    Queue(path).ring(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_every_field_of_a_task_survives() -> None:
    message = Message(
        id="a",
        name="task",
        eta=MOMENT.replace(tzinfo=None),
        retries=2,
        retry_delay=5,
        priority=1,
        args=[7],
        kwargs={"a": "é"},
        expires=MOMENT,
        expires_resolved=MOMENT,
        timeout=3,
        retry_backoff=2,
    )
    serializer = JSONSerializer()
    assert serializer.deserialize(serializer.serialize(message)) == message


@pytest.mark.parametrize("value", [{"a": 1}, Message(id="a", on_complete=Message(id="b")), Message(args=[object()])])
def test_anything_but_a_single_plain_task_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        JSONSerializer().serialize(value)


def test_a_pickle_in_the_queue_is_not_executed(tmp_path: Path) -> None:
    """Promise: whoever writes to the queue's file runs nothing in the worker."""
    path = tmp_path / "huey.db"
    queue = Queue(path)

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "owned").touch, ())

    connection = sqlite3.connect(path)
    connection.execute("insert into task (queue, data) values ('huey', ?)", [pickle.dumps(Evil())])
    connection.commit()
    connection.close()
    assert queue.next() is None
    assert not (tmp_path / "owned").exists()
    queue.ring(5)
    assert (queue.next(), queue.next()) == (5, None)


def test_retries_and_delays_pass_through_the_queue(tmp_path: Path) -> None:
    huey = SqliteHuey(filename=str(tmp_path / "huey.db"), results=False, serializer=JSONSerializer())
    calls: list[int] = []

    @huey.task(retries=1, retry_delay=60)  # type: ignore[untyped-decorator]  # huey has no types
    def fails(number: int) -> None:
        calls.append(number)
        raise ZeroDivisionError

    fails(3)
    huey.execute(huey.dequeue())
    assert calls == [3]
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=61)
    (again,) = huey.read_schedule(soon)
    assert again.retries == 0
    with pytest.raises(ZeroDivisionError):
        again.execute()


def test_a_bell_that_cannot_ring_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "huey.db"
    queue = Queue(path)
    connection = sqlite3.connect(path)
    connection.execute("drop table task")
    connection.close()
    queue.ring(1)
    assert "cannot ring for request 1" in caplog.text
