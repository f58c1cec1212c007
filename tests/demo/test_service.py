"""The portal's service commands, on the real portal."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.layout import Layout
from demo.prepare import free_port
from demo.seed import write_data


@dataclass(frozen=True)
class Place:
    """A platform to try the commands on."""

    layout: Layout
    port: int

    def run(self, action: str) -> subprocess.CompletedProcess[str]:
        """One of the service's commands."""
        command = self.layout.service_command(action, self.port)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def is_up(self) -> bool:
        """What the status command says."""
        code = self.run("status").returncode
        assert code in (0, 3)
        return code == 0

    def pid_file(self) -> Path:
        """The daemon's pid file."""
        return self.layout.run / "portail.pid"

    def pid(self) -> int:
        """The daemon's pid."""
        return int(self.pid_file().read_text().split()[0])


@pytest.fixture
def place(tmp_path: Path, portal_trees: dict[str, Path]) -> Iterator[Place]:
    """The portal's first release on fresh data, below a folder with a space in its name; stopped at the end."""
    layout = Layout(tmp_path / "avec espace")
    write_data(layout.data)
    layout.platform.mkdir()
    (layout.platform / "current").symlink_to(portal_trees["11.5.0"])
    place = Place(layout, free_port())
    yield place
    place.run("stop")


def health(place: Place) -> dict[str, str]:
    """What the portal's health address answers."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=5)
    try:
        connection.request("GET", "/health")
        answer: dict[str, str] = json.load(connection.getresponse())
        return answer
    finally:
        connection.close()


def test_start_and_stop_return_when_it_is_so_and_may_be_repeated(place: Place) -> None:
    assert not place.is_up()
    for _ in range(2):
        assert place.run("start").returncode == 0
        assert place.is_up()
        assert health(place) == {"status": "ok", "version": "11.5.0"}
    for _ in range(2):
        assert place.run("stop").returncode == 0
        assert not place.is_up()
    with pytest.raises(ConnectionRefusedError):
        health(place)


def test_a_daemon_that_was_killed_is_seen_as_stopped_and_starts_again(place: Place) -> None:
    place.run("start")
    os.kill(place.pid(), signal.SIGKILL)
    assert place.run("stop").returncode == 0
    assert place.run("start").returncode == 0
    assert place.is_up()


def test_a_recycled_pid_is_never_taken_for_the_portal_nor_killed(place: Place) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        place.layout.run.mkdir()
        place.pid_file().write_text(f"{other.pid} 1\n")
        assert not place.is_up()
        assert place.run("stop").returncode == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_damaged_pid_file_is_no_obstacle(place: Place) -> None:
    place.layout.run.mkdir()
    place.pid_file().write_text("n'importe quoi")
    assert not place.is_up()
    assert place.run("start").returncode == 0
    assert place.is_up()


def test_the_portal_refuses_data_of_another_release_and_start_says_why(
    place: Place, portal_trees: dict[str, Path]
) -> None:
    (place.layout.platform / "current").unlink()
    (place.layout.platform / "current").symlink_to(portal_trees["11.6.0"])
    started = place.run("start")
    assert started.returncode == 1
    assert "schéma 1150, cette version demande 1160" in started.stderr
    assert not place.is_up()


def test_running_the_portal_writes_nothing_in_its_release(
    place: Place, tmp_path: Path, portal_trees: dict[str, Path]
) -> None:
    tree = tmp_path / "release"
    shutil.copytree(portal_trees["11.5.0"], tree)
    (place.layout.platform / "current").unlink()
    (place.layout.platform / "current").symlink_to(tree)
    before = sorted(tree.rglob("*"))
    place.run("start")
    health(place)
    assert sorted(tree.rglob("*")) == before
