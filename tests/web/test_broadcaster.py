"""The broadcaster: every event to every stream, once, in order, from wherever it stood."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.domain.events import EventKind
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.web.broadcaster import _WATCH_SECONDS, Broadcaster
from tests.support.engine import Bench, now
from tests.support.system import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def engine(bench: Bench) -> Iterator[EngineStore]:
    store = EngineStore(bench.url)
    yield store
    store.close()


@pytest.fixture
def reader(bench: Bench, engine: EngineStore) -> Iterator[EngineReader]:
    reader = EngineReader(bench.url)
    yield reader
    reader.close()


@pytest.fixture
def broadcaster(reader: EngineReader) -> Iterator[Broadcaster]:
    broadcaster = Broadcaster(reader, max_streams=4)
    yield broadcaster
    broadcaster.stop()
    if broadcaster._thread is not None:
        broadcaster._thread.join()


@pytest.fixture
def update(bench: Bench, engine: EngineStore) -> int:
    return engine.admit(bench.new_update(), now())


class Listener:
    """A client on a thread of its own."""

    def __init__(self, broadcaster: Broadcaster, update: int, after: int = 0) -> None:
        subscription = broadcaster.subscribe(update, after)
        assert subscription is not None
        self.text = ""
        self.left = False
        self._stream = broadcaster.stream(subscription, lambda: self.left)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        for piece in self._stream:
            self.text += piece

    @property
    def ids(self) -> list[int]:
        return [int(found) for found in re.findall(r"^id: (\d+)$", self.text, re.MULTILINE)]


def log(engine: EngineStore, update: int, count: int = 1) -> None:
    with engine.transaction():
        for _ in range(count):
            engine.add_event(update, EventKind.LOG, Phase.STAGE, now(), {"level": "info", "message": "é\nè"})


def end(engine: EngineStore, update: int) -> None:
    engine.add_event(update, EventKind.END, Phase.STAGE, now(), {"status": "failed"})


def test_every_stream_gets_every_event_once_and_ends(
    broadcaster: Broadcaster, engine: EngineStore, update: int
) -> None:
    log(engine, update, 3)
    listeners = [Listener(broadcaster, update), Listener(broadcaster, update, after=2)]
    wait_until(lambda: listeners[0].ids == [1, 2, 3], "the replay")
    log(engine, update, 2)
    end(engine, update)
    for listener in listeners:
        listener.thread.join(10)
        assert not listener.thread.is_alive()
    assert listeners[0].ids == [1, 2, 3, 4, 5, 6]
    assert listeners[1].ids == [3, 4, 5, 6]
    assert broadcaster.streams == 0


def test_a_long_history_is_replayed_whole(broadcaster: Broadcaster, engine: EngineStore, update: int) -> None:
    log(engine, update, 3456)
    end(engine, update)
    listener = Listener(broadcaster, update)
    listener.thread.join(20)
    assert listener.ids == list(range(1, 3458))


def test_a_slow_client_gets_the_rest_although_nothing_else_happens(
    broadcaster: Broadcaster, engine: EngineStore, update: int
) -> None:
    log(engine, update, 2000)
    subscription = broadcaster.subscribe(update, 0)
    assert subscription is not None
    wait_until(lambda: subscription.after == 1000, "as much as there is room for")
    time.sleep(2 * _WATCH_SECONDS)
    subscription.take(0)
    wait_until(lambda: subscription.after == 2000, "the rest")


def test_streams_of_two_updates_do_not_mix(
    broadcaster: Broadcaster, bench: Bench, engine: EngineStore, update: int
) -> None:
    engine.finish(update, "failed", now())  # type: ignore[arg-type]  # a stable name is as good
    other = engine.admit(bench.new_update(), now())
    first, second = Listener(broadcaster, update), Listener(broadcaster, other)
    log(engine, other)
    end(engine, update)
    end(engine, other)
    first.thread.join(10)
    second.thread.join(10)
    assert (first.ids, second.ids) == ([2], [1, 3])


def test_each_message_is_one_line_of_data(broadcaster: Broadcaster, engine: EngineStore, update: int) -> None:
    log(engine, update)
    end(engine, update)
    listener = Listener(broadcaster, update)
    listener.thread.join(10)
    message = listener.text.split("\n\n")[1]
    assert re.fullmatch(r'id: 1\nevent: log\ndata: \{.*"message":"é\\nè"\}', message)


def test_beyond_the_cap_there_is_no_stream_until_one_leaves(broadcaster: Broadcaster, update: int) -> None:
    listeners = [Listener(broadcaster, update) for _ in range(4)]
    assert broadcaster.subscribe(update, 0) is None
    listeners[0].left = True
    listeners[0].thread.join(10)
    assert broadcaster.subscribe(update, 0) is not None
    broadcaster.stop()
    for listener in listeners:
        listener.thread.join(10)
        assert not listener.thread.is_alive()


def test_a_quiet_stream_shows_that_it_lives(
    broadcaster: Broadcaster, update: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ospi_supervisor.web.broadcaster.HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr("ospi_supervisor.web.broadcaster._LOOK_UP_SECONDS", 0.1)
    listener = Listener(broadcaster, update)
    wait_until(lambda: listener.text.count("event: beat") >= 2, "two heartbeats")
    listener.left = True
    listener.thread.join(10)


def test_what_cannot_be_read_for_one_stream_ends_no_other(
    broadcaster: Broadcaster, engine: EngineStore, update: int
) -> None:
    unreadable = Listener(broadcaster, update, after=2**64)
    wait_until(lambda: broadcaster.streams == 1, "the stream")
    log(engine, update)
    unreadable.left = True
    unreadable.thread.join(10)
    listener = Listener(broadcaster, update)
    end(engine, update)
    listener.thread.join(10)
    assert listener.ids == [1, 2]


def test_a_stopped_hub_takes_nobody_in(broadcaster: Broadcaster, update: int) -> None:
    broadcaster.stop()
    assert broadcaster.subscribe(update, 0) is None
