"""Processes killed in the middle of an update: it ends well by itself, and who follows it misses nothing."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import Client, RunningDemo, begin_update, wait_for
from tests.support.prepared import lay_out_prepared
from tests.support.stream import Stream

pytestmark = pytest.mark.system


def test_web_and_worker_killed_on_the_way_and_the_follower_misses_nothing(demo: RunningDemo) -> None:
    client = Client(demo)
    update_id = begin_update(client, demo.archive("good"))
    stream = Stream(client, update_id)
    client.wait_for_phase(update_id, "stage")
    demo.kill("worker")  # phases 1 to 4 are run again where they stood
    client.wait_for_phase(update_id, "migrate")
    demo.kill("web")
    update = client.wait_until_final(update_id)
    stream.join(30)
    assert update["status"] == "succeeded"
    assert demo.portal_version() == "11.6.0"
    recorded = client.get(f"api/updates/{update_id}/events?after=0")["events"]
    assert [(one.number, one.kind) for one in stream.events] == [(event["id"], event["event"]) for event in recorded]
    assert stream.connections >= 2


@pytest.fixture
def another_demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """A demonstration of one test's own."""
    running = RunningDemo(lay_out_prepared(tmp_path / "demo").root)
    yield running
    running.stop()


@pytest.mark.full  # the campaign's sample kills one too
def test_a_worker_killed_in_the_migration_brings_the_platform_back(another_demo: RunningDemo) -> None:
    demo = another_demo
    data = demo.data()
    client = Client(demo)
    update_id = begin_update(client, demo.archive("good"))
    client.wait_for_phase(update_id, "migrate")
    wait_for("a changed datum", lambda: demo.data()["rows"] != data["rows"])
    demo.kill("worker")
    assert client.wait_until_final(update_id)["status"] == "rolled_back"
    assert demo.data() == data
    assert demo.portal_version() == "11.5.0"


def test_everything_killed_at_once_as_by_a_power_cut_comes_back_by_itself(another_demo: RunningDemo) -> None:
    demo = another_demo
    data = demo.data()
    client = Client(demo)
    update_id = begin_update(client, demo.archive("good"))
    client.wait_for_phase(update_id, "migrate")
    pids = demo.document["pids"]
    for pid in (demo.process.pid, pids["web"], pids["worker"]):
        os.kill(pid, signal.SIGKILL)
    demo.process.wait(10)
    wait_for("the port's release", lambda: demo.portal_version() is None)
    demo.start()
    assert Client(demo).wait_until_final(update_id)["status"] == "rolled_back"
    assert demo.data() == data
    assert demo.portal_version() == "11.5.0"
