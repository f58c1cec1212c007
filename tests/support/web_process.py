"""The real web process: `ospi-supervisor web`, on a free port of the loopback address."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.support.site import PASSWORD, PREFIX, Site
from tests.support.system import listens, wait_until

RUN = "from ospi_supervisor.cli import main; main()"


class WebProcess:
    """A web process that a test starts, kills and starts again."""

    def __init__(self, site: Site, port: int) -> None:
        self.site = site
        self.port = port
        self.url = f"http://127.0.0.1:{port}{PREFIX}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it listens when this returns."""
        command = [sys.executable, "-c", RUN, "--config", str(self.site.config_path), "web"]
        self.process = subprocess.Popen(command)
        wait_until(lambda: listens(self.port), "the web process")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it that signal and wait for its end; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.process = None
        return status

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process is not None
        return self.process.pid

    def session(self) -> requests.Session:
        """An administrator's session, with the CSRF token in its headers."""
        session = requests.Session()
        session.trust_env = False
        json_only = {"Accept": "application/json"}
        token = session.get(f"{self.url}/connexion", headers=json_only).json()["csrf_token"]
        fields = {"username": "admin", "password": PASSWORD}
        answer = session.post(f"{self.url}/connexion", data=fields, headers=json_only | {"X-CSRFToken": token})
        session.headers["X-CSRFToken"] = answer.json()["csrf_token"]
        return session


@contextmanager
def web_process(site: Site, port: int) -> Iterator[WebProcess]:
    """A running web process over `site`, which listens on `port`; ended with the block."""
    web = WebProcess(site, port)
    web.start()
    try:
        yield web
    finally:
        if web.process is not None:
            web.stop(signal.SIGKILL)
