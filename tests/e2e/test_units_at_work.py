"""What our processes tell systemd while they work: ready, alive, ending."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.platform.units import WEB_UNIT, WORKER_UNIT, render_units
from tests.support.notify_socket import NotifySocket, notify_socket
from tests.support.site import Archives, Site, answering_platform
from tests.support.system import free_port
from tests.support.web_process import RUN, web_process

FOLLOWED = ("READY=1", "WATCHDOG=1", "STOPPING=1")


@pytest.fixture
def listening(tmp_path: Path, archives: Archives) -> Iterator[tuple[Site, int]]:
    """A supervisor of the test's own, and the port that its web process is to listen on."""
    port = free_port()
    with answering_platform(tmp_path) as platform:
        site = Site(tmp_path / "site", platform, archives.root, port=port)
        yield site, port
        site.close()


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    with notify_socket() as bell:
        monkeypatch.setenv("NOTIFY_SOCKET", bell.address)
        yield bell


def order(told: list[str]) -> list[str]:
    """What was told, each for the first time."""
    return list(dict.fromkeys(told))


def test_the_web_process_is_ready_once_it_serves_and_says_that_it_ends(
    listening: tuple[Site, int], systemd: NotifySocket
) -> None:
    with web_process(*listening) as web:
        for state in FOLLOWED[:2]:
            systemd.wait_for(state)
        web.stop()
    assert order(systemd.hear()) == list(FOLLOWED)


def test_the_worker_is_ready_alive_and_says_that_it_ends(listening: tuple[Site, int], systemd: NotifySocket) -> None:
    site, _ = listening
    command = [sys.executable, "-c", RUN, "--config", str(site.config_path), "worker"]
    with psutil.Popen(command, stdout=subprocess.DEVNULL) as worker:
        try:
            systemd.wait_for("READY=1")
            systemd.wait_for("WATCHDOG=1", 2)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(120) == 0
        finally:
            if worker.is_running():
                worker.kill()
    told = systemd.hear()
    assert set(told) == set(FOLLOWED)
    assert told[-1] == "STOPPING=1"


def test_the_units_ask_for_what_is_told(site: Site) -> None:
    units = render_units(site.config, site.config_path)
    for name in (WEB_UNIT, WORKER_UNIT):
        assert "Type=notify\n" in units[name]
        assert "WatchdogSec=" in units[name]
