"""A platform with data, a service and a snapshot, whose updates are rehearsed; no archive, no worker."""

import os
import pwd
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.domain.rehearsal import Verdict
from ospi_supervisor.rehearsal.play import Asked, Rehearsal
from tests.real_application.recipe import platform_account, platform_python
from tests.support.system import free_port, listens, wait_until

HERE = Path(__file__).parent
OLD, NEW = "1.0.0", "2.0.0"
SNAPSHOT = "update-7-full"
MIGRATION = """
import os, sqlite3, sys
database = sqlite3.connect(os.environ["OSPI_DATABASE_URL_PORTAIL"].removeprefix("sqlite://"))
for number, text in database.execute("SELECT number, text FROM stay").fetchall():
    if text == "empoisonné":
        sys.exit(f"séjour {number} : code inconnu")
    database.execute("UPDATE stay SET form = ? WHERE number = ?", [os.environ["OSPI_TO_VERSION"], number])
database.commit()
with open(os.path.join(os.environ["OSPI_DATA_DIRS"], "documents", "liste"), "a") as file:
    file.write("migré\\n")
print("@progress 100 fini")
"""
CONFIGURATION = """
[supervisor]
state_dir = "{root}/state"
[platform]
product = "portail"
name = "Portail"
root = "{root}/platform"
public_url = "http://127.0.0.1:{port}/"
health_url = "http://127.0.0.1:{port}/health"
health_timeout = {health}
data_dirs = ["{root}/data"]
{account}
[[platform.services]]
name = "portail"
start = "sh {root}/service.sh start {root} {port} {python}"
stop = "sh {root}/service.sh stop {root} {port} {python}"
status = "sh {root}/service.sh status {root} {port} {python}"
[[platform.databases]]
name = "portail"
url = "sqlite:///{root}/data/portal.sqlite"
[maintenance]
flag = "{root}/flag"
page_dir = "{root}/page"
[backup]
directory = "{root}/backups"
[trust]
root = "{root}/root.json"
[rehearsal]
mode = "when_possible"
{limits}
"""


@dataclass
class Heard:
    """What a rehearsal told; `check` is called all along."""

    lines: list[str] = field(default_factory=list)
    on_check: Callable[[], None] = lambda: None

    def progress(self, percent: float, message: str = "") -> None:
        pass

    def log(self, text: str) -> None:
        self.lines += text.splitlines()

    def output(self, lines: Sequence[str], count: int) -> None:
        pass

    def check(self) -> None:
        self.on_check()


@dataclass
class Site:
    """The platform in `root`, whose account is `account`."""

    root: Path
    account: str | None
    port: int = field(default_factory=free_port)

    def lay_out(self, limits: str, health: int) -> None:
        """Two releases, the data, the configuration."""
        for version in (OLD, NEW):
            release = self.root / "platform/releases" / version
            (release / "hooks").mkdir(parents=True)
            (release / "VERSION").write_text(f"{version}\n")
            shutil.copy(HERE / "small_portal.py", release / "portal.py")
        (self.root / "platform/current").symlink_to(f"releases/{OLD}")
        shutil.copy(HERE / "service.sh", self.root)
        (self.root / "data/documents").mkdir(parents=True)
        (self.root / "data/documents/liste").write_text("un\ndeux\n")
        (self.root / "run").mkdir()
        (self.root / "backups").mkdir()
        with closing(sqlite3.connect(self.database)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE stay (number INTEGER PRIMARY KEY, text TEXT, form TEXT)")
            database.executemany("INSERT INTO stay VALUES (?, ?, ?)", [(number, "sain", OLD) for number in range(200)])
            database.commit()
        if self.account is not None:
            for folder in ("data", "run"):
                subprocess.run(["chown", "-R", self.account, str(self.root / folder)], check=True)
        text = CONFIGURATION.format(
            root=self.root,
            port=self.port,
            python=platform_python(),
            account=f'account = "{self.account}"' if self.account else "",
            limits=limits,
            health=health,
        )
        (self.root / "supervisor.toml").write_text(text)

    @cached_property
    def config(self) -> Config:
        """Superviseur's configuration."""
        return load_config(self.root / "supervisor.toml")

    @property
    def database(self) -> Path:
        """The platform's rows."""
        return self.root / "data/portal.sqlite"

    def rows(self) -> list[Any]:
        """Them all."""
        with closing(sqlite3.connect(self.database)) as database:
            return database.execute("SELECT * FROM stay ORDER BY number").fetchall()

    def poison(self) -> None:
        """A row that no migration can bear."""
        with closing(sqlite3.connect(self.database)) as database:
            database.execute("UPDATE stay SET text = 'empoisonné' WHERE number = 142")
            database.commit()

    def service(self, action: str) -> None:
        """Run the platform's own command, as an administrator does."""
        command = shlex.split(getattr(self.config.platform.services[0], action))
        identity: dict[str, Any] = {}
        if self.account is not None and os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        subprocess.run(command, check=True, cwd="/", timeout=60, **identity)

    def back_up(self) -> None:
        """The snapshot that rehearsals are made of."""
        (self.root / "state/engine").mkdir(parents=True, exist_ok=True)
        snapshots = make_adapters(self.config).snapshots
        snapshots.drop(SNAPSHOT)
        snapshots.take_full(SNAPSHOT, OLD, progress=lambda _: None, check=lambda: None)

    def hook(self, text: str, first_line: str | None = None) -> None:
        """The new release's migration."""
        path = self.root / "platform/releases" / NEW / "hooks/20-migration"
        path.write_text(f"#!{first_line or platform_python()}\n{text}")
        path.chmod(0o755)

    def asked(self, **changes: Any) -> Asked:
        """What is asked of a rehearsal of the new release."""
        hook = Hook(phase=HookPhase.MIGRATE, name="20-migration", timeout=60, title="Migration", **changes)
        manifest = Manifest(product="portail", version=NEW, hooks=(hook,))
        return Asked(snapshot_id=SNAPSHOT, manifest=manifest, from_version=OLD, update_id=7, log_folder=self.root)

    def rehearse(self, heard: Heard | None = None, **changes: Any) -> Verdict:
        """Play it."""
        return Rehearsal(self.config, Releases(self.config.platform.root)).play(self.asked(**changes), heard or Heard())


@contextmanager
def site_in(root: Path, account: str | None, limits: str = "", health: int = 20) -> Iterator[Site]:
    """A platform that serves, with its snapshot, while the block runs."""
    site = Site(root, account)
    site.lay_out(limits, health)
    site.service("start")
    try:
        wait_until(lambda: listens(site.port), "the portal")
        site.back_up()
        yield site
    finally:
        site.service("stop")


def usual_account() -> str | None:
    """The account that services and hooks run under."""
    return platform_account()
