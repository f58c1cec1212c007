"""A hospital whose portal keeps all it knows in PostgreSQL: its releases, its server, its supervisor."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.domain.manifest import Hook, HookPhase
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from tests.real_application.front import front
from tests.real_application.recipe import platform_account, platform_python
from tests.support.archives import PRODUCT, build_archive, make_keys
from tests.support.memory_disk import lasting
from tests.support.places import PLACES
from tests.support.postgres import Postgres
from tests.support.system import free_port

OLD, NEW = "11.5.0", "11.6.0"
CONFIGURATION = (
    """
[supervisor]
state_dir = "{root}/state"
secure_cookies = false
[platform]
product = "{product}"
name = "Portail BI"
root = "{root}/platform"
public_url = "http://127.0.0.1:{front_port}/"
health_url = "http://127.0.0.1:{port}/"
{account}
data_dirs = ["{root}/data"]
health_timeout = 20
[[platform.services]]
name = "portail"
start = "{python} -B {root}/platform/current/portal_program.py start {root}/portal/settings.json"
stop = "{python} -B {root}/platform/current/portal_program.py stop {root}/portal/settings.json"
status = "{python} -B {root}/platform/current/portal_program.py status {root}/portal/settings.json"
[[platform.databases]]
name = "pmsi"
url = "{url}"
password_file = "{root}/password"
[rehearsal]
mode = "when_possible"
"""
    + PLACES
    + """memory_gb = 0.1
free_disk_percent = 0
"""
)
SCHEMA = """SET ROLE plateforme;
CREATE TABLE sejour (id int PRIMARY KEY, nom text NOT NULL, forme text NOT NULL);
INSERT INTO sejour SELECT n, 'séjour ' || n, '11.5.0' FROM generate_series(1, 2000) n;
CREATE TABLE lit (id int PRIMARY KEY, sejour int REFERENCES sejour);
INSERT INTO lit SELECT n, n FROM generate_series(1, 7) n;
"""
ROWS = {"public.lit": 7, "public.sejour": 2000}
MIGRATION = """#!/bin/sh
set -e
psql -XAtq "$OSPI_DATABASE_URL_PMSI" -v ON_ERROR_STOP=1 \\
    -c "UPDATE sejour SET forme = '11.6.0'" -c "ALTER TABLE sejour ADD UNIQUE (nom)"
"""
"""It fails where two rows bear one name: a poisoned one."""
POISON = "INSERT INTO sejour VALUES (2001, 'séjour 1', '11.5.0')"
CURE = "DELETE FROM sejour WHERE id = 2001"


@dataclass
class Portal:
    """The hospital in `root`, its rows in the database `name` of `server`."""

    root: Path
    server: Postgres
    name: str
    port: int
    front_port: int
    keys: Path

    @property
    def config_path(self) -> Path:
        """Superviseur's configuration."""
        return self.root / "supervisor.toml"

    @property
    def config(self) -> Config:
        """The same, read."""
        return load_config(self.config_path)

    def sql(self, statement: str) -> str:
        """What psql answers to the real server's owner."""
        return self.server.sql(self.name, statement)

    def contents(self) -> str:
        """All that the database is."""
        dump = self.server.run("pg_dump", "--create", "--inserts", "-d", self.name)
        return "\n".join(line for line in dump.splitlines() if "restrict" not in line)

    def service(self, action: str) -> None:
        """Start or stop the portal, as the configuration would."""
        program = self.root / "platform/current/portal_program.py"
        command = [str(platform_python()), "-B", str(program), action, str(self.root / "portal/settings.json")]
        account = {"user": platform_account()} if os.geteuid() == 0 else {}
        subprocess.run(command, check=True, timeout=60, cwd="/", **account)  # type: ignore[call-overload]

    def snapshot(self, name: str = "complete") -> Snapshot:
        """A full backup."""
        snapshots = make_adapters(self.config).snapshots
        return snapshots.take_full(name, OLD, progress=lambda _: None, check=lambda: None)

    def archive(self, migration: str = MIGRATION, version: str = NEW) -> Path:
        """The archive of a new release, with that hook of `migrate`."""
        payload, hooks = self.root / f"{version}-tree", self.root / f"{version}-hooks"
        _release(payload, version)
        hooks.mkdir()
        (hooks / "20-schema").write_text(migration, encoding="utf-8")
        (hooks / "20-schema").chmod(0o755)
        hook = Hook(name="20-schema", phase=HookPhase.MIGRATE, timeout=600, title="Mise à niveau du schéma")
        output = self.root / f"{version}.ospi"
        expires = datetime.now(UTC) + timedelta(days=30)
        hooked = (hook,)
        return build_archive(
            output, self.keys, payload, version=version, hooks=hooks, hook_list=hooked, expires=expires
        )

    def supervisor(self, *arguments: str, timeout: float = 170) -> subprocess.CompletedProcess[str]:
        """Run `ospi-supervisor` to its end; what it says is shown where a test fails."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=timeout, check=False)
        print(done.stdout, done.stderr, sep="\n")  # noqa: T201
        return done

    def command(self, *arguments: str) -> list[str]:
        """The command line of `ospi-supervisor`."""
        program = "from ospi_supervisor.cli import main; main()"
        return [sys.executable, "-c", program, "--config", str(self.config_path), *arguments]

    def last_update(self) -> dict[str, Any]:
        """The newest update, as the contract's JSON."""
        reader = EngineReader(sqlite_url(self.config.paths.engine_db))
        try:
            return dict(reader.update(reader.updates(1)[0]["id"]) or {})
        finally:
            reader.close()

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """What somebody who asks the public address 20 times a second sees, while the block runs: a version,
        « maintenance » or what went wrong."""
        seen, over = list[str](), threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                seen.append(self.look())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()

    def look(self) -> str:
        """What the public address shows now."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self.front_port}/", timeout=30)
        except requests.RequestException as error:
            return repr(error)
        if answer.headers.get("X-OSPI-Maintenance") == "1":
            return "maintenance"
        return str(answer.json()["version"]) if answer.ok else f"HTTP {answer.status_code}"

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """The real worker process, while the block runs."""
        with (self.root / "worker.log").open("ab") as log:
            process = subprocess.Popen(self.command("worker"), stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)
            print((self.root / "worker.log").read_text(encoding="utf-8"))  # noqa: T201


@contextmanager
def portal(server: Postgres, name: str, url: str = "") -> Iterator[Portal]:
    """A hospital on its old release, its portal running; gone after the block. `url` is how its programs reach the
    database, its address on 127.0.0.1 where it is empty."""
    root = Path(tempfile.mkdtemp(prefix="ospi-portail-", dir=lasting()))
    root.chmod(0o755)
    found = Portal(root, server, name, free_port(), free_port(), make_keys(root))
    server.sql("postgres", f'CREATE DATABASE "{name}" OWNER plateforme')
    try:
        found.sql(SCHEMA)
        _lay_out(found, url or server.url(name))
        found.service("start")
        with front(found.front_port, found.port, root / "maintenance/flag", root / "maintenance/page"):
            yield found
    finally:
        found.service("stop")
        server.sql("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
        shutil.rmtree(root)


def _lay_out(portal: Portal, url: str) -> None:
    root, account = portal.root, platform_account()
    _release(root / "platform/releases" / OLD, OLD)
    (root / "platform/current").symlink_to(f"releases/{OLD}")
    for folder in ("data", "portal", "portal/run"):
        (root / folder).mkdir()
        if account:
            shutil.chown(root / folder, account)
    (root / "data/lettre.txt").write_text("Madame, Monsieur\n", encoding="utf-8")
    password = root / "password"
    password.write_text(portal.server.password, encoding="utf-8")
    password.chmod(0o600)
    settings = {"url": url, "password": portal.server.password, "port": portal.port, "run": str(root / "portal/run")}
    (root / "portal/settings.json").write_text(json.dumps(settings), encoding="utf-8")
    text = CONFIGURATION.format(
        root=root,
        product=PRODUCT,
        port=portal.port,
        front_port=portal.front_port,
        account=f'account = "{account}"' if account else "",
        python=platform_python(),
        url=url,
        trust=portal.keys / "root.json",
    )
    portal.config_path.write_text(text, encoding="utf-8")


def _release(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    (folder / "VERSION").write_text(f"{version}\n", encoding="ascii")
    shutil.copy(Path(__file__).with_name("portal_program.py"), folder)
