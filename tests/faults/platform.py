"""The platform on its old release: its folders, its data, its daemon and what a user sees of it."""

import contextlib
import http.client
import json
import os
import pwd
import shlex
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.system.files import write_atomically
from tests.faults.application import entry_text
from tests.faults.vendor import OLD, PRODUCT, Vendor
from tests.real_application.recipe import platform_account, platform_python
from tests.support.places import PLACES
from tests.support.postgres import Postgres

BASE_FILES = 1000
FIRST_ENTRIES = 100
CONFIGURATION = (
    """
[supervisor]
state_dir = "{root}/state"
listen = "127.0.0.1:{web_port}"
secure_cookies = false
[platform]
product = "{product}"
name = "Portail BI"
root = "{root}/platform"
public_url = "http://127.0.0.1:{gate_port}/"
health_url = "http://127.0.0.1:{port}/health"
account = "{account}"
data_dirs = ["{root}/data"]
health_timeout = {health_timeout}
[[platform.services]]
name = "portail"
start = "{python} -B {root}/application.py start {root}/settings.json"
stop = "sh {root}/service.sh stop {root}/run/pid"
status = "sh {root}/service.sh status {root}/run/pid"
timeout = 60
[[platform.databases]]
name = "portail"
url = "sqlite:///{root}/data/portail.sqlite"
[[platform.databases]]
name = "registre"
url = "{postgres}"
password_file = "{root}/password"
"""
    + PLACES
    + """memory_gb = 0.1
free_disk_percent = 0
"""
)


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a world is made. `disks` gives a folder of the world a small disk; `cuttable` the whole one that loses."""

    root: Path
    vendor: Vendor
    postgres: Postgres
    first_port: int
    health_timeout: float = 20.0
    disks: tuple[tuple[str, str], ...] = ()
    cuttable: bool = False
    web: bool = False


@dataclass
class Platform:
    """The platform of one site."""

    site: Site

    # --- places -----------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """Everything but the databases of PostgreSQL."""
        return self.site.root

    @property
    def notes(self) -> Path:
        """Beside the world, so that neither a cut nor a full disk touches it: the worker's pauses and logs."""
        return self.root.with_name(f"{self.root.name}.notes")

    @cached_property
    def config(self) -> Config:
        """Superviseur's configuration."""
        return load_config(self.config_path)

    @property
    def config_path(self) -> Path:
        """Its file."""
        return self.root / "supervisor.toml"

    @property
    def database(self) -> str:
        """The name of the database in PostgreSQL."""
        return f"monde_{self.site.first_port}"

    @property
    def gate_port(self) -> int:
        """The public address' port."""
        return self.site.first_port + 1

    # --- the platform -----------------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """The platform as it is on its old release, not started."""
        account = platform_account() or pwd.getpwuid(os.getuid()).pw_name
        settings = {
            "port": self.site.first_port,
            "data": f"{self.root}/data",
            "sqlite": f"{self.root}/data/portail.sqlite",
            "postgres": self.site.postgres.url(self.database),
            "password": self.site.postgres.password,
            "current": f"{self.root}/platform/current",
            "pid": f"{self.root}/run/pid",
            "log": f"{self.root}/run/log",
            "moods": f"{self.root}/moods.json",
        }
        (self.root / "settings.json").write_text(json.dumps(settings))
        shutil.copytree(self.site.vendor.tree(OLD), self.root / "platform/releases" / OLD, symlinks=True)
        (self.root / "platform/current").symlink_to(f"releases/{OLD}")
        (self.root / "run").mkdir(exist_ok=True)
        (self.root / "password").write_text(self.site.postgres.password)
        (self.root / "password").chmod(0o600)
        for program in ("application.py", "service.sh"):
            shutil.copy(Path(__file__).with_name(program), self.root / program)
        self._make_data()
        for folder in ("data", "run"):
            subprocess.run(["chown", "-R", account, str(self.root / folder)], check=True)
        text = CONFIGURATION.format(
            root=self.root,
            product=PRODUCT,
            account=account,
            port=self.site.first_port,
            gate_port=self.gate_port,
            web_port=self.site.first_port + 2,
            python=platform_python(),
            postgres=self.site.postgres.url(self.database),
            trust=self.site.vendor.root,
            health_timeout=self.site.health_timeout,
        )
        self.config_path.write_text(text)

    def _make_data(self) -> None:
        data = self.root / "data"
        (data / "files").mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(data / "portail.sqlite")) as connection:
            connection.execute("CREATE TABLE entry (n INTEGER PRIMARY KEY, form TEXT NOT NULL)")
            connection.executemany("INSERT INTO entry VALUES (?, ?)", [(n, OLD) for n in range(FIRST_ENTRIES)])
            connection.commit()
        for number in range(FIRST_ENTRIES):
            (data / "files" / str(number)).write_text(entry_text(number, OLD))
        for number in range(BASE_FILES):
            path = data / f"base/dossier-{number % 20}/{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"[{OLD}] base {number}\n")
        odd = data / "base/étrange"
        odd.mkdir()
        (odd / "vide").mkdir()
        (odd / "lien").symlink_to("../dossier-1/1")
        (odd / os.fsdecode(b"octets \xff\n")).write_bytes(b"\0\xff")
        (odd / "double").hardlink_to(data / "base/dossier-2/2")
        self.site.postgres.sql("postgres", f"DROP DATABASE IF EXISTS {self.database}")
        self.site.postgres.sql("postgres", f"CREATE DATABASE {self.database} OWNER plateforme")
        table = "SET ROLE plateforme; CREATE TABLE entry (n integer PRIMARY KEY, form text NOT NULL);"
        rows = f"INSERT INTO entry SELECT n, '{OLD}' FROM generate_series(0, {FIRST_ENTRIES - 1}) AS n"  # noqa: S608
        self.site.postgres.sql(self.database, table + rows)

    def service(self, action: str) -> int:
        """Run the platform's own command, as an administrator or the boot does; its exit code."""
        platform = self.config.platform
        entry = pwd.getpwnam(platform.account or "")
        command = shlex.split(getattr(platform.services[0], action))
        done = subprocess.run(
            command, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", capture_output=True, timeout=90
        )
        return done.returncode

    def set_moods(self, moods: dict[str, dict[str, str]]) -> None:
        """How versions misbehave from their next start on."""
        write_atomically(self.root / "moods.json", json.dumps(moods).encode())

    def see(self) -> str:
        """What a user sees at the public address: a version, « maintenance » or what is wrong."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gate_port, timeout=10)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 503 and answer.headers.get("X-OSPI-Maintenance") == "1":
                return "maintenance"
            return str(json.loads(body)["version"]) if answer.status == 200 else f"HTTP {answer.status}"
        except OSError as error:
            return repr(error)
        finally:
            connection.close()
