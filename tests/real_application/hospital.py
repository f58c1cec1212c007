"""One hospital: the hub on its older release behind a proxy, and Superviseur's worker beside it."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from tests.real_application import recipe
from tests.real_application.front import front
from tests.real_application.rows import PostgresRows, Rows, SqliteRows
from tests.support.places import PLACES
from tests.support.postgres import Postgres
from tests.support.system import free_port

TOKEN = "f3a1c0de" * 4
PATIENCE_SECONDS = 900.0
"""For a whole update, beside other tests."""

CONFIGURATION = (
    """
[supervisor]
state_dir = "{root}/state"
secure_cookies = false
[platform]
product = "{product}"
name = "Le hub"
root = "{root}/platform"
public_url = "http://127.0.0.1:{front_port}/hub/api/"
health_url = "http://127.0.0.1:{hub_port}/hub/api/"
{account}
data_dirs = ["{root}/data"]
[[platform.services]]
name = "hub"
start = "{root}/platform/current/bin/hub start {root}/hub.json"
stop = "{root}/platform/current/bin/hub stop {root}/hub.json"
status = "{root}/platform/current/bin/hub status {root}/hub.json"
[[platform.databases]]
name = "hub"
{database}
"""
    + PLACES
    + """memory_gb = 1
free_disk_percent = 1
platform_version = "5.0.0"
{rehearsal}
"""
)


@dataclass(frozen=True)
class Sighting:
    """What somebody who asked the public address saw: a version, « maintenance » or what went wrong."""

    at: datetime
    what: str


@dataclass
class Site:
    """The machine's folders and addresses; use it through `running`."""

    root: Path
    trust: Path
    hub_port: int
    front_port: int
    rows: Rows
    rehearsal: str = "when_possible"
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """Superviseur's configuration."""
        return self.root / "supervisor.toml"

    def api(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> Any:
        """Ask the application's own API through the public address; HTTPError where it refuses."""
        url = f"http://127.0.0.1:{self.front_port}/hub/api/{path}"
        answer = requests.request(method, url, json=body, headers={"Authorization": f"token {token}"}, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def files(self) -> dict[str, bytes]:
        """What lies in the data folder, the hub's own account of what it is asked left out."""
        found = (path for path in (self.root / "data").rglob("*") if path.is_file() and path.name != "hub.log")
        return {str(path): path.read_bytes() for path in found}

    def installed(self) -> str:
        """The version that the link names."""
        return (self.root / "platform" / "current").resolve().name

    def hub(self, action: str) -> None:
        """Start or stop the service by hand, as the configuration would."""
        command = [str(self.root / "platform/current/bin/hub"), action, str(self.root / "hub.json")]
        subprocess.run(command, **recipe.as_platform(), check=True, timeout=60)

    def supervisor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ospi-supervisor` to its end; what it says is shown where a test fails."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        print(done.stdout, done.stderr, sep="\n")  # noqa: T201
        return done

    def command(self, *arguments: str) -> list[str]:
        """The command line of `ospi-supervisor` on this machine."""
        return [str(Path(sys.executable).with_name("ospi-supervisor")), "--config", str(self.config), *arguments]

    def last_update(self) -> dict[str, Any]:
        """The newest update, as the contract's JSON."""
        reader = EngineReader(sqlite_url(self.root / "state/engine/engine.db"))
        try:
            return dict(reader.update(reader.updates(1)[0]["id"]) or {})
        finally:
            reader.close()

    def seen_during(self, phase: str) -> list[str]:
        """What clients saw between the start and the end of one phase of the newest update."""
        times = next(item for item in self.last_update()["phases"] if item["name"] == phase)
        start, end = (datetime.fromisoformat(times[key]) for key in ("started_at", "ended_at"))
        return [sighting.what for sighting in self.sightings if start <= sighting.at <= end]

    def story(self) -> list[str]:
        """What clients saw, each state once for as long as it lasted."""
        seen = [sighting.what for sighting in self.sightings]
        return [what for position, what in enumerate(seen) if position == 0 or what != seen[position - 1]]


@contextmanager
def running(
    root: Path,
    trust: Path,
    release: Path,
    prepare: Callable[[Site], None],
    rehearsal: str = "when_possible",
    server: Postgres | None = None,
) -> Iterator[Site]:
    """A site on the older release (copied from `release`), adopted, with its worker; all stopped at the end.

    `prepare` sees the site while its hub serves and before the worker starts; an empty `rehearsal` leaves the mode to
    the program. Its rows are in the server where one is
    given, which then has a database more.
    """
    hub_port, front_port = free_port(), free_port()
    rows = SqliteRows(root / "data/hub.sqlite") if server is None else _made(server)
    site = Site(root, trust, hub_port, front_port, rows, rehearsal)
    _lay_out(site, release)
    with ExitStack() as stack:
        stack.enter_context(front(site.front_port, site.hub_port, root / "maintenance/flag", root / "maintenance/page"))
        site.hub("start")
        stack.callback(site.hub, "stop")
        wait_until(lambda: see(site).what == recipe.OLD, 180)
        prepare(site)
        adopted = site.supervisor("adopt", recipe.OLD)
        assert adopted.returncode == 0, adopted.stderr
        stack.enter_context(_worker(site))
        stack.enter_context(_watched(site))
        yield site


def _made(server: Postgres) -> PostgresRows:
    name = f"hub_{free_port()}"
    server.sql("postgres", f"CREATE DATABASE {name} OWNER plateforme")
    return PostgresRows(server, name)


def _lay_out(site: Site, release: Path) -> None:
    shutil.copytree(release, site.root / "platform/releases" / recipe.OLD, symlinks=True)
    (site.root / "platform/current").symlink_to(f"releases/{recipe.OLD}")
    (site.root / "data").mkdir()
    account = recipe.platform_account()
    if account is not None:
        shutil.chown(site.root / "data", account)
    settings = {"data": str(site.root / "data"), "database": site.rows.hub_url, "port": site.hub_port, "token": TOKEN}
    (site.root / "hub.json").write_text(json.dumps(settings), encoding="utf-8")
    text = CONFIGURATION.format(
        root=site.root,
        product=recipe.PRODUCT,
        rehearsal=f'[rehearsal]\nmode = "{site.rehearsal}"' if site.rehearsal else "",
        trust=site.trust,
        hub_port=site.hub_port,
        front_port=site.front_port,
        account=f'account = "{account}"' if account else "",
        database=site.rows.table(site.root),
    )
    site.config.write_text(text, encoding="utf-8")


@contextmanager
def _worker(site: Site) -> Iterator[None]:
    """The real worker process, while the block runs."""
    with (site.root / "worker.log").open("wb") as log:
        process = subprocess.Popen(site.command("worker"), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)
            print((site.root / "worker.log").read_text(encoding="utf-8"))  # noqa: T201 -- shown where a test fails


@contextmanager
def _watched(site: Site) -> Iterator[None]:
    """Somebody who asks the public address about 50 times a second, while the block runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            site.sightings.append(see(site))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def see(site: Site) -> Sighting:
    """What the public address shows now."""
    try:
        answer = requests.get(f"http://127.0.0.1:{site.front_port}/hub/api/", timeout=10)
        if answer.headers.get("X-OSPI-Maintenance") == "1":
            what = "maintenance"
        else:
            what = answer.json()["version"] if answer.ok else f"HTTP {answer.status_code}"
    except requests.RequestException as error:
        what = repr(error)
    return Sighting(datetime.now(UTC), what)


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    """Return when `condition` holds; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)
