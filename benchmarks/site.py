"""A server that is measured: nginx before a small platform, the real web process and the real worker."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.client import PASSWORD, USER
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_documents import UpdateDocument
from ospi_supervisor.store.engine_reader import EngineReader
from tests.real_application.recipe import as_platform, platform_account, platform_python, run_tool
from tests.support.places import PLACES

OLD, NEW, PRODUCT = "1.0.0", "2.0.0", "mesure"

CONFIGURATION = (
    """
[supervisor]
state_dir = "{root}/state"
listen = "127.0.0.1:{web_port}"
secure_cookies = false
[platform]
product = "{product}"
name = "Mesures"
root = "{root}/platform"
public_url = "http://127.0.0.1:{front_port}/"
health_url = "http://127.0.0.1:{platform_port}/"
{account}
data_dirs = ["{root}/data"]
[[platform.services]]
name = "plateforme"
start = "{service} start {root}/platform {platform_port}"
stop = "{service} stop {root}/platform {platform_port}"
status = "sh -c 'grep -q service.py /proc/$(cat {root}/service/service.pid)/cmdline'"
[[platform.databases]]
name = "mesure"
url = "sqlite:///{root}/data/mesure.sqlite"
"""
    + PLACES
    + """memory_gb = 1
free_disk_percent = 1
platform_version = "1.0.0"
[rehearsal]
mode = "never"
"""
)
"""No rehearsal: what is promised is promised beside it, and no peer has one."""

NGINX = """
daemon off;
{user}
pid {root}/nginx/pid;
error_log {root}/nginx/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/nginx/body;
    proxy_temp_path {root}/nginx/proxy;
    fastcgi_temp_path {root}/nginx/unused;
    uwsgi_temp_path {root}/nginx/unused;
    scgi_temp_path {root}/nginx/unused;
    server {{
        listen 127.0.0.1:{dav_port};
        root {root}/nginx/received;
        client_max_body_size 0;
        location / {{ dav_methods PUT; }}
    }}
    include {root}/nginx/front.conf;
}}
"""


@dataclass
class Site:
    """The folders, the addresses and the process numbers of the server that is measured."""

    root: Path
    ports: dict[str, int]
    service: str
    web: int = 0
    worker: int = 0

    @property
    def base(self) -> str:
        """The supervisor's address."""
        return f"http://127.0.0.1:{self.ports['web_port']}/superviseur"

    @property
    def config(self) -> Path:
        """The supervisor's configuration."""
        return self.root / "supervisor.toml"

    def control(self, action: str) -> None:
        """Start or stop the platform by its own command."""
        command = [*self.service.split(), action, f"{self.root}/platform", str(self.ports["platform_port"])]
        subprocess.run(command, **as_platform(), check=True)

    def update(self) -> UpdateDocument | None:
        """The newest update as the contract's JSON."""
        reader = EngineReader(sqlite_url(self.root / "state/engine/engine.db"))
        try:
            newest = reader.updates(1)
            return reader.update(newest[0]["id"]) if newest else None
        finally:
            reader.close()

    def wait_for_end(self) -> UpdateDocument:
        """The newest update once it has succeeded; RuntimeError where it did not."""
        while True:
            update = self.update()
            if update is not None and update["ended_at"]:
                break
            time.sleep(0.1)
        if update["status"] != "succeeded":
            raise RuntimeError(f"the update ended {update['status']}: {update['failure']}")
        return update


def phase_end(update: UpdateDocument, name: str) -> datetime:
    """When a phase of an update ended."""
    [ended_at] = [phase["ended_at"] for phase in update["phases"] if phase["name"] == name]
    assert ended_at is not None
    return datetime.fromisoformat(ended_at)


@contextmanager
def running(root: Path, trust: Path, installed: Path) -> Iterator[Site]:
    """A server whose platform runs release OLD, a copy of the tree `installed`, adopted; all stopped at the end."""
    site = _lay_out(root, trust, installed)
    with ExitStack() as stack:
        site.control("start")
        stack.callback(site.control, "stop")
        stack.enter_context(_process(["/usr/sbin/nginx", "-p", f"{root}/nginx", "-c", f"{root}/nginx/nginx.conf"]))
        config = ["--config", str(site.config)]
        run_tool("ospi-supervisor", *config, "adopt", OLD, timeout=600)
        tool = str(Path(sys.executable).with_name("ospi-supervisor"))
        account = [tool, *config, "user", "add", USER, "--group", "administration system"]
        subprocess.run(account, input=PASSWORD, text=True, stdout=subprocess.DEVNULL, check=True)
        site.web = stack.enter_context(_process([tool, *config, "web"]))
        site.worker = stack.enter_context(_process([tool, *config, "worker"]))
        for port in site.ports.values():
            _wait_for(port)
        yield site


def _lay_out(root: Path, trust: Path, installed: Path) -> Site:
    names = ("web_port", "front_port", "platform_port", "dav_port")
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    for folder in ("platform/releases", "data", "nginx/received", "nginx/body", "nginx/proxy", "service"):
        (root / folder).mkdir(parents=True)
    subprocess.run(["cp", "-a", str(installed), str(root / "platform/releases" / OLD)], check=True)
    (root / "platform/current").symlink_to(f"releases/{OLD}")
    shutil.copy(Path(__file__).with_name("service.py"), root / "service")
    _write_data(root / "data")
    account = platform_account()
    if account is not None:
        for folder in ("data", "service", "nginx/received", "nginx/body", "nginx/proxy"):
            subprocess.run(["chown", "-R", account, str(root / folder)], check=True)
    site = Site(root, ports, service=f"{platform_python()} {root}/service/service.py")
    facts = {"root": root, "trust": trust, "product": PRODUCT, "service": site.service, **ports}
    account_line = f'account = "{account}"' if account else ""
    site.config.write_text(CONFIGURATION.format(account=account_line, **facts), encoding="utf-8")
    front = run_tool("ospi-supervisor", "--config", str(site.config), "proxy", "nginx")
    (root / "nginx/front.conf").write_text(front, encoding="utf-8")
    user = f"user {account} {_group(account)};" if account else ""
    (root / "nginx/nginx.conf").write_text(NGINX.format(user=user, **facts), encoding="utf-8")
    return site


def _group(account: str) -> str:
    """The name of an account's own group."""
    return subprocess.run(["id", "-gn", account], check=True, capture_output=True, text=True).stdout.strip()


def _write_data(folder: Path) -> None:
    """Data as a small platform has it: 2,000 documents and a database of some megabytes."""
    for number in range(2_000):
        (folder / f"document-{number}").write_bytes(os.urandom(10_000))
    with closing(sqlite3.connect(folder / "mesure.sqlite")) as connection:
        connection.execute("CREATE TABLE sejour (id INTEGER PRIMARY KEY, texte TEXT)")
        connection.executemany("INSERT INTO sejour (texte) VALUES (?)", ((f"{n:0100}",) for n in range(50_000)))
        connection.commit()


@contextmanager
def _process(command: list[str]) -> Iterator[int]:
    """A process in the foreground while the block runs; its number."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int) -> None:
    """Return once somebody listens."""
    deadline = time.monotonic() + 30
    while True:
        with closing(socket.socket()) as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"nobody listens on port {port}")
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
