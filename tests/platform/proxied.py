"""A reverse proxy at work with the printed configuration, before stub servers for the platform and the supervisor."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory

import urllib3

from ospi_supervisor.config import Config, parse_config
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.proxy import Kind, render_proxy
from ospi_supervisor.platform.switch import MaintenanceSwitch
from tests.platform.conftest import Stub, reply
from tests.support.proxies import serve
from tests.support.system import free_port, listens, wait_until


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
def running_site(kind: Kind) -> Iterator[Site]:
    """A reverse proxy with the printed configuration, its stubs and its switch.

    Its folder lies outside pytest's own, which the accounts of web servers cannot enter.
    """
    platform, supervisor = Stub(free_port(), platform_answer), Stub(free_port(), supervisor_answer)
    platform.start()
    supervisor.start()
    try:
        with TemporaryDirectory(prefix="ospi-proxy-") as folder:
            Path(folder).chmod(0o755)
            with _proxy(kind, Path(folder), platform, supervisor) as site:
                yield site
    finally:
        platform.stop()
        supervisor.stop()


@contextmanager
def _proxy(kind: Kind, folder: Path, platform: Stub, supervisor: Stub) -> Iterator[Site]:
    port = free_port()
    config = _config(folder, port, platform, supervisor)
    health = Health(config.platform)
    switch = MaintenanceSwitch(config.maintenance, health, config.platform.name)
    switch.prepare()
    command = serve(kind, folder, render_proxy(kind, config), port)
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_until(lambda: listens(port) or process.poll() is not None, kind)
        assert process.poll() is None, (folder / "output").read_text()
        with urllib3.PoolManager(maxsize=8) as http:
            yield Site(kind, f"http://127.0.0.1:{port}", platform, supervisor, switch, health, config, http)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _config(folder: Path, port: int, platform: Stub, supervisor: Stub) -> Config:
    return parse_config(
        {
            "supervisor": {"state_dir": str(folder / "state"), "listen": f"127.0.0.1:{supervisor.port}"},
            "platform": {
                "product": "portail",
                "name": "Portail d'essai",
                "root": str(folder / "platform"),
                "public_url": f"http://127.0.0.1:{port}/",
                "health_url": f"{platform.url}/health",
            },
            "maintenance": {"flag": str(folder / "maintenance" / "flag"), "page_dir": str(folder / "page")},
            "backup": {"directory": str(folder / "backup")},
            "trust": {"root": str(folder / "root.json")},
        }
    )
