"""The supervisor as it is put on a server: its two processes, a portal and a reverse proxy. Only systemd is missing."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from demo.layout import REPOSITORY
from demo.prepare import ADMINISTRATOR, prepare
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.domain.proxies import Kind
from tests.support.demo import Place, wait_for
from tests.support.prepared import lay_out_prepared
from tests.support.proxies import serve
from tests.support.system import free_port

STOP_SECONDS = 180


@dataclass(frozen=True)
class Accounts:
    """Who runs what, where root starts it: the web process, and the platform's services and hooks."""

    web: str
    web_group: str
    platform: str


RUN = "from ospi_supervisor.cli import main; main()"


class Deployment(Place):
    """A server on release 11.5.0. `folder` is one that the reverse proxy's account can enter, and `python` one that
    all `accounts` can run."""

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        accounts: Accounts | None = None,
        python: Path = Path(sys.executable),
        *,
        before_worker: Sequence[str] = (),
    ) -> None:
        self.layout = lay_out_prepared(folder)
        self.port, self._web_port = free_port(), free_port()
        self._accounts = accounts
        self._python = python
        self._prepared = prepare(self.layout, self.port)
        self._configure()
        proxy_folder = folder / kind
        proxy_folder.mkdir()
        printed = self.cli("proxy", kind)
        assert printed.returncode == 0, printed.stderr
        program = [*self.program, "--config", str(self.layout.config)]
        self._commands = {"web": [*program, "web"], "worker": [*before_worker, *program, "worker"]}
        self._commands["proxy"] = serve(kind, proxy_folder, printed.stdout, self.port)
        self._processes: dict[str, psutil.Popen] = {}
        self.variables: dict[str, str] = {}
        """What the environment of processes has besides."""

    @property
    def program(self) -> list[str]:
        """`ospi-supervisor`, where all accounts can run it."""
        return [str(self._python), "-P", "-c", RUN]

    def _configure(self) -> None:
        """The demonstration's configuration, with the web process behind a proxy, and what accounts can run."""
        service = shutil.copy(REPOSITORY / "demo" / "service.py", self.layout.root)
        text = self.layout.config_text(self.port, self._prepared.portal_port, self._prepared.vendor_port)
        changes = {
            str(REPOSITORY / "demo" / "service.py"): str(service),
            sys.executable: str(self._python),
            f'listen = "127.0.0.1:{self.port}"': f'listen = "127.0.0.1:{self._web_port}"',
            "trusted_proxies = []": 'trusted_proxies = ["127.0.0.1"]',
        }
        if self._accounts is not None:
            changes["[platform]\n"] = f'[platform]\naccount = "{self._accounts.platform}"\n'
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        self.layout.config.write_text(text, encoding="utf-8")

    @property
    def vendor_port(self) -> int:
        """Where the configuration awaits the vendor's server; nothing listens there."""
        return self._prepared.vendor_port

    @property
    def document(self) -> dict[str, Any]:
        """The administrator's account, and the archives."""
        return {
            "admin": {"username": ADMINISTRATOR, "password": self._prepared.passwords[ADMINISTRATOR]},
            "archives": {name: str(self.layout.root / path) for name, path in self._prepared.archives.items()},
        }

    @property
    def _environment(self) -> dict[str, str]:
        """Ours, with the program's interpreter first: the hooks ask for `python3`."""
        return {**os.environ, "PATH": f"{self._python.parent}:{os.environ['PATH']}"}

    def start(self) -> None:
        """Start all of it and wait until it answers."""
        self._service("start")
        for name in self._commands:
            self.spawn(name)
        wait_for("the whole", self._is_up)

    def spawn(self, name: str) -> None:
        """Start one process."""
        identity: dict[str, Any] = {}
        if name == "web" and self._accounts is not None:
            identity = {"user": self._accounts.web, "group": self._accounts.web_group, "extra_groups": []}
        with (self.layout.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = psutil.Popen(
                self._commands[name],
                stdout=log,
                stderr=log,
                env=self._environment | self.variables,
                umask=0o027 if identity else 0o022,
                **identity,
            )

    def _is_up(self) -> bool:
        for name, process in self._processes.items():
            assert process.poll() is None, (self.layout.logs / f"{name}.log").read_text()
        addresses = (f"{self.url}/health", f"{self.url}/superviseur/sante")
        try:
            return all(requests.get(address, timeout=10).status_code == 200 for address in addresses)
        except requests.ConnectionError:
            return False

    def _service(self, action: str) -> None:
        """A command of the portal's service, under the platform's account."""
        service = load_config(self.layout.config).platform.services[0]
        command = {"start": service.start, "stop": service.stop}[action]
        account = self._accounts.platform if self._accounts else None
        subprocess.run(shlex.split(command or ""), check=True, timeout=60, env=self._environment, cwd="/", user=account)

    def python(self) -> list[psutil.Process]:
        """Every process of the supervisor's at work, those that the worker started included."""
        worker, web = self._processes["worker"], self._processes["web"]
        return [worker, *worker.children(recursive=True), web]

    def kill_python(self) -> None:
        """SIGKILL the supervisor's processes and stop the portal: only the reverse proxy is left."""
        for name in ("web", "worker"):
            self.end(name, signal.SIGKILL)
        self._service("stop")

    def end(self, name: str, number: signal.Signals) -> None:
        """End one process by a signal."""
        self._processes[name].send_signal(number)
        self._processes[name].wait(STOP_SECONDS)

    def stop(self) -> None:
        """End all that was started."""
        for name, process in self._processes.items():
            if process.poll() is None:
                self.end(name, signal.SIGTERM)
        self._service("stop")
