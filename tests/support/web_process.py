"""The real web process: `ospi-supervisor web`, on a free port of the loopback address."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import requests

from ospi_supervisor.cli import main
from tests.support.forked import forked
from tests.support.site import PASSWORD, PREFIX, Site
from tests.support.system import listens, wait_until

RUN = "from ospi_supervisor.cli import main; main()"
END_SECONDS = 120
"""How long an end may take where the machine is busy."""


class WebProcess:
    """A web process that a test starts, kills and starts again, as a server starts it."""

    def __init__(self, site: Site, port: int, program: str = RUN) -> None:
        self.program = program
        self.site = site
        self.port = port
        self.url = f"http://127.0.0.1:{port}{PREFIX}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it listens when this returns."""
        command = [sys.executable, "-c", self.program, "--config", str(self.site.config_path), "web"]
        self.process = subprocess.Popen(command)
        wait_until(lambda: listens(self.port), "the web process")

    def is_started(self) -> bool:
        """Whether nobody stopped it."""
        return self.process is not None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it that signal and wait for its end; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(END_SECONDS)
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
def web_process(site: Site, port: int, program: str = RUN) -> Iterator[WebProcess]:
    """A running web process over `site`, which listens on `port`; ended with the block."""
    yield from _running(WebProcess(site, port, program))


@contextmanager
def forked_web_process(site: Site, port: int) -> Iterator[WebProcess]:
    """The same, forked."""
    yield from _running(ForkedWebProcess(site, port))


def _running(web: WebProcess) -> Iterator[WebProcess]:
    web.start()
    try:
        yield web
    finally:
        if web.is_started():
            web.stop(signal.SIGKILL)


class ForkedWebProcess(WebProcess):
    """The same for tests that look at its pages, and not at how it starts or what it weighs."""

    child: BaseProcess | None = None

    def start(self) -> None:
        self.child = forked().Process(target=_serve, args=(str(self.site.config_path),))
        self.child.start()
        wait_until(lambda: listens(self.port), "the web process")

    def is_started(self) -> bool:
        return self.child is not None

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.child is not None
        os.kill(self.pid, number)
        self.child.join(END_SECONDS)
        status = self.child.exitcode
        assert status is not None, "the web process does not end"
        self.child = None
        return status

    @property
    def pid(self) -> int:
        assert self.child is not None
        assert self.child.pid is not None
        return self.child.pid


def _serve(config_path: str) -> None:
    main(["--config", config_path, "web"])
