"""A reverse proxy at work with the printed configuration, before stub servers for the platform and the supervisor."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import urllib3

from ospi_supervisor.config.tables import Config, parse_config
from ospi_supervisor.domain.proxies import Kind
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.proxies import render_proxy
from tests.platform.conftest import Stub, reply
from tests.support import site as supervisors
from tests.support.certificates import Authority
from tests.support.proxies import serve
from tests.support.site import Archives
from tests.support.system import free_port, listens, wait_until
from tests.support.web_process import WebProcess, web_process


class Proxy:
    """The reverse proxy's processes, which a test may kill and start again."""

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self._command, self._folder, self._port = command, folder, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it where it does not run, and wait until it listens."""
        if self._process is not None:
            return
        folder = str(self._folder)
        environment = {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        with (self._folder / "output").open("ab") as output:
            process = subprocess.Popen(
                self._command, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        self._process = process
        wait_until(lambda: listens(self._port) or process.poll() is not None, self._command[0])
        assert process.poll() is None, (self._folder / "output").read_text()

    def kill(self) -> None:
        """Kill all its processes, as a machine short of memory does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None
            wait_until(lambda: not listens(self._port), "the end of the proxy")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None


@dataclass
class Site:
    """A reverse proxy at work, what stands behind it, and the switch."""

    kind: Kind
    url: str
    platform: Stub
    supervisor: Stub
    switch: MaintenanceSwitch
    health: Health
    config: Config
    http: urllib3.PoolManager
    proxy: "Proxy"

    def ask(self, method: str, path: str, **options: object) -> urllib3.BaseHTTPResponse:
        return self.http.request(method, self.url + path, retries=False, timeout=10, redirect=False, **options)  # type: ignore[arg-type]


def platform_answer(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b"old", {"X-Seen-Host": handler.headers.get("Host", "")})


def supervisor_answer(handler: BaseHTTPRequestHandler) -> None:
    """An event each 100 ms, stamped with the time it was sent; anything else is echoed by its size."""
    if handler.path.endswith("/events"):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("X-Accel-Buffering", "no")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(5):
            data = f"data: {time.time()}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            handler.wfile.flush()
            time.sleep(0.1)
        handler.wfile.write(b"0\r\n\r\n")
    else:
        reply(handler, 200, handler.headers.get("Content-Length", "0").encode())


@contextmanager
def running_site(
    kind: Kind, own_host: str | None = None, *, tls: bool = False, change: Callable[[str], str] = str
) -> Iterator[Site]:
    """A reverse proxy with the printed configuration, its stubs and its switch.

    With `own_host`, names stand in the place of the address: `portail.localhost` and, for the supervisor, that one.
    With `tls`, nginx ciphers, with a certificate that nobody trusts. `change` alters what is printed.

    Its folder lies outside pytest's own, which the accounts of web servers cannot enter.
    """
    platform, supervisor = Stub(free_port(), platform_answer), Stub(free_port(), supervisor_answer)
    platform.start()
    supervisor.start()
    try:
        with TemporaryDirectory(prefix="ospi-proxy-") as folder:
            Path(folder).chmod(0o755)
            config = _config(Path(folder), free_port(), platform, supervisor, own_host, "https" if tls else "http")
            with _proxy(kind, Path(folder), config, Behind(platform, supervisor), tls=tls, change=change) as site:
                yield site
    finally:
        platform.stop()
        supervisor.stop()


@contextmanager
def supervisor_behind(server: Site, folder: Path, platform: str, archives: Archives) -> Iterator[WebProcess]:
    """The real web process behind the proxy, by whose address it is asked, in the stub's place."""
    server.supervisor.stop()
    port = server.supervisor.port
    site = supervisors.Site(folder / "site", platform, archives.root, port=port)
    with web_process(site, port) as web:
        web.url = f"{server.url}/superviseur"
        yield web
    site.close()
    server.supervisor.start()


@dataclass(frozen=True)
class Behind:
    """What stands behind a proxy."""

    platform: Stub
    supervisor: Stub


@contextmanager
def _proxy(
    kind: Kind, folder: Path, config: Config, behind: Behind, *, tls: bool, change: Callable[[str], str]
) -> Iterator[Site]:
    health = Health(config.platform)
    switch = MaintenanceSwitch(config.maintenance, health, config.platform.name)
    switch.prepare()
    printed, address = change(render_proxy(kind, config)), urlsplit(config.platform.public_url)
    port = address.port or 0
    if tls:
        certificate = Authority(folder / "tls").server()
        printed = re.sub(r"/etc/pki/tls/(certs|private)/[\w.]+", str(certificate), printed)
    command = serve(kind, folder, printed, port)
    proxy = Proxy(command, folder, port)
    proxy.start()
    try:
        with urllib3.PoolManager(maxsize=8) as http:
            url = f"{address.scheme}://127.0.0.1:{port}"
            yield Site(kind, url, behind.platform, behind.supervisor, switch, health, config, http, proxy)
    finally:
        proxy.stop()


def _config(folder: Path, port: int, platform: Stub, supervisor: Stub, own_host: str | None, scheme: str) -> Config:
    own = {"public_url": f"{scheme}://{own_host}:{port}/"} if own_host else {}
    return parse_config(
        {
            "supervisor": {"state_dir": str(folder / "state"), "listen": f"127.0.0.1:{supervisor.port}"} | own,
            "platform": {
                "product": "portail",
                "name": "Portail d'essai",
                "root": str(folder / "platform"),
                "public_url": f"{scheme}://{'portail.localhost' if own_host else '127.0.0.1'}:{port}/",
                "health_url": f"{platform.url}/health",
            },
            "maintenance": {"flag": str(folder / "maintenance" / "flag"), "page_dir": str(folder / "page")},
            "backup": {"directory": str(folder / "backup")},
            "trust": {"root": str(folder / "root.json")},
        }
    )
