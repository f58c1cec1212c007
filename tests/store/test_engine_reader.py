"""`engine.db` read by an account that may read and nothing else, whatever the worker's state."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.errors import StateError
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import ALIVE_SECONDS, EngineReader
from tests.support.engine import Bench, fail, now

WRITER = """
import sys
from pathlib import Path
from tests.support.engine import Bench, fail, now
from ospi_supervisor.store.engine_store import EngineStore
bench = Bench(Path(sys.argv[1]))
store = bench.store()
for _ in sys.stdin:
    store.begin(store.admit(bench.new_update(), now()), "11.5.0", now())
    print("written", flush=True)
store.close()
"""

READER = """
import json, sys
from ospi_supervisor.store.engine_reader import EngineReader
reader = EngineReader(sys.argv[1])
print(json.dumps([reader.updates(100), len(reader.events(1)), str(reader.data_version())]))
"""

SLOW_READER = """
import sys
from ospi_supervisor.store.engine_reader import EngineReader
reader = EngineReader(sys.argv[1])
live = reader._database._live
connect = live.connect
def late(**options):
    live.connect = connect
    print("looked", flush=True)
    sys.stdin.readline()
    return connect(**options)
live.connect = late
print(len(reader.updates(100)))
"""


class Writer:
    """A worker, as far as its database goes: a process that writes when told to."""

    def __init__(self, bench: Bench) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(bench.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def write(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "written\n"

    def stop(self) -> None:
        self.process.communicate(timeout=20)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=20)


@pytest.fixture
def writer(bench: Bench) -> Iterator[Writer]:
    if os.geteuid() == 0:
        _install(bench)
    process = Writer(bench)
    yield process
    process.kill()


def _install(bench: Bench) -> None:
    """The state folder as it is put on a server: the worker's, and its group (the web account's) may read."""
    bench.paths.engine_dir.mkdir(parents=True)
    shutil.chown(bench.paths.engine_dir, group="nogroup")
    bench.paths.engine_dir.chmod(0o2750)
    for folder in (bench.state, bench.folder, *list(bench.folder.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)


def as_web_account(program: str, bench: Bench) -> list[str]:
    command = [sys.executable, "-c", program, bench.url]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
    return command


def read_as_web_account(bench: Bench) -> list[Any]:
    """What a process under another account reads: one that has no right to write, even to create a file."""
    before = sorted(path.name for path in bench.paths.engine_dir.iterdir())
    result = subprocess.run(as_web_account(READER, bench), capture_output=True, text=True, check=False, timeout=20)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in bench.paths.engine_dir.iterdir()) == before
    answer: list[Any] = json.loads(result.stdout)
    return answer


def test_read_while_the_worker_lives(bench: Bench, writer: Writer) -> None:
    writer.write()
    assert len(read_as_web_account(bench)[0]) == 1


def test_read_after_a_clean_stop(bench: Bench, writer: Writer) -> None:
    writer.write()
    writer.stop()
    assert not bench.paths.engine_db.with_name("engine.db-wal").exists()
    assert len(read_as_web_account(bench)[0]) == 1


def test_read_after_a_kill(bench: Bench, writer: Writer) -> None:
    writer.write()
    writer.kill()
    assert bench.paths.engine_db.with_name("engine.db-wal").stat().st_size > 0
    assert len(read_as_web_account(bench)[0]) == 1


def test_read_after_a_power_cut_which_leaves_the_log_without_its_index(bench: Bench, writer: Writer) -> None:
    writer.write()
    writer.kill()
    bench.paths.engine_db.with_name("engine.db-shm").unlink()
    assert bench.paths.engine_db.with_name("engine.db-wal").stat().st_size > 0
    assert len(read_as_web_account(bench)[0]) == 1


def test_a_writer_that_stops_under_a_readers_eyes_is_read_as_it_left(bench: Bench, writer: Writer) -> None:
    """It was alive when the reader looked; when it opens, the log and its index are gone."""
    writer.write()
    with subprocess.Popen(
        as_web_account(SLOW_READER, bench), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "looked\n"
        writer.stop()
        print("go", file=reader.stdin, flush=True)
        assert reader.stdout.read() == "1\n"


def test_a_database_that_may_not_be_opened_is_told_at_once(bench: Bench, writer: Writer) -> None:
    writer.write()
    writer.kill()
    bench.paths.engine_db.unlink()
    bench.paths.engine_db.mkdir()
    with pytest.raises(StateError, match="ne peut pas être lue"):
        bench.reader().updates(100)


def test_a_reader_follows_the_worker_through_stops_and_starts(bench: Bench) -> None:
    reader = bench.reader()
    assert reader.updates(100) == []
    versions = [reader.data_version()]
    for count, end in enumerate([Writer.stop, Writer.kill, Writer.stop], 1):
        writer = Writer(bench)
        if count > 1:
            bench.store().finish(count - 1, UpdateStatus.SUCCEEDED, now())
        writer.write()
        assert len(reader.updates(100)) == count
        versions.append(reader.data_version())
        end(writer)
        assert len(reader.updates(100)) == count
    assert len(set(versions)) == len(versions)


def test_nothing_is_made_where_no_worker_ever_ran(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    reader = EngineReader(sqlite_url(tmp_path / "engine" / "engine.db"))
    assert reader.updates(100) == []
    assert reader.active_update() is None
    assert not reader.worker_alive(now())
    assert reader.last_event_id() == 0
    assert list((tmp_path / "engine").iterdir()) == []
    reader.close()


@pytest.mark.parametrize(
    ("age", "alive"), [(0, True), (ALIVE_SECONDS - 1, True), (ALIVE_SECONDS + 1, False), (-3600, False)]
)
def test_a_worker_lives_while_its_signs_are_fresh(bench: Bench, age: float, alive: bool) -> None:
    bench.store().beat(now() - timedelta(seconds=age), 1)
    assert bench.reader().worker_alive(now()) is alive


def test_durations_are_those_of_updates_that_succeeded(bench: Bench) -> None:
    bench.admit()
    bench.run()
    bench.admit()
    bench.run({"do verify": fail})
    [seconds] = bench.reader().durations()[Phase.STAGE]
    assert seconds >= 0


def test_events_are_paged(bench: Bench) -> None:
    bench.admit()
    bench.run()
    reader = bench.reader()
    first = reader.events(1, 0, 5)
    second = reader.events(1, first[-1].id, 5)
    assert [event.id for event in first + second] == list(range(1, 11))
    assert reader.last_event_id() == len(bench.events())
