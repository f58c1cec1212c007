"""A hospital's server with everything of the automatic update but the phases: real databases, archives and HTTP."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ospi_supervisor.archive.delta_base import check_base
from ospi_supervisor.archive.tree import InstalledTree, listing, record_tree
from ospi_supervisor.config.tables import Config, parse_config
from ospi_supervisor.domain.attempts import Conditions
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from ospi_supervisor.engine.requests import Requests
from ospi_supervisor.engine.unlocking import Unlocking
from ospi_supervisor.operations.automatic import AutomaticView
from ospi_supervisor.platform.machine import operating_system
from ospi_supervisor.publisher.delta import build_delta
from ospi_supervisor.publisher.publication import publish
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.worker.attempts import Attempts
from ospi_supervisor.worker.download import Download
from ospi_supervisor.worker.nightly import AutomaticUpdate
from tests.support.archives import PRODUCT, build_archive, make_tree
from tests.support.hospital import NOW
from tests.support.http_server import Server, serving

OLD, NEW = "11.5.0", "11.6.0"
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
"""Of the coming night: the repository's metadata, made now, are good for it."""


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime = MIDNIGHT

    def __call__(self) -> datetime:
        return self.now


@dataclass
class House:
    """One server on release 11.5.0, and the vendor's server that it asks."""

    folder: Path
    server: Server
    keys: Path
    clock: Clock = field(default_factory=Clock)
    stopping: bool = False
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        self.config = self.make_config({operating_system().id: self.server.url})
        self.installed = InstalledTree(self.folder / "tree-old", record_tree(self.folder / "tree-old"))
        self.config.paths.trust_dir.mkdir(parents=True)
        self.engine = EngineStore(sqlite_url(self.config.paths.engine_db))
        self.reader = EngineReader(sqlite_url(self.config.paths.engine_db))
        self.store = AutomaticStore(self.engine)
        self.view = AutomaticView(self.config, self.reader, lambda: OLD, self.clock)
        self.automatic = self.make_automatic(self.config)

    def make_config(self, hosts: dict[str, str], **more: Any) -> Config:
        folder = str(self.folder)
        return parse_config(
            {
                "supervisor": {"state_dir": f"{folder}/state"},
                "platform": {
                    "product": PRODUCT,
                    "name": "Portail BI",
                    "root": f"{folder}/platform",
                    "public_url": "http://127.0.0.1:9/",
                    "health_url": "http://127.0.0.1:9/",
                },
                "maintenance": {"flag": f"{folder}/flag", "page_dir": f"{folder}/page"},
                "backup": {"directory": f"{folder}/backups"},
                "trust": {"root": str(self.keys / "root.json")},
                "automatic_update": {"hosts": hosts, "jitter": 0, **more},
            }
        )

    def make_automatic(self, config: Config) -> AutomaticUpdate:
        """As `bootstrap` does it."""
        unlocking = Unlocking(self.engine, None, lambda: None)
        requests = Requests(
            self.engine,
            PRODUCT,
            config.paths.uploads_dir,
            lambda: OLD,
            self.clock,
            unlocking,
            self.store.change_setting,
            lambda: True,
        )
        return AutomaticUpdate(
            config=config,
            engine=self.engine,
            store=self.store,
            admit=lambda update, reason: requests.admit(update, reason, self.clock()),
            download=self.make_download(config),
            attempts=Attempts(
                PublishedStore(self.engine),
                self.reader,
                lambda: self.conditions,
                self.clock,
            ),
            installed_version=lambda: OLD,
            zone=lambda: UTC,
            clock=self.clock,
            sleep=self.wait,
        )

    def make_download(self, config: Config) -> Download:
        """As `bootstrap` does it."""
        return Download(
            config=config,
            store=self.store,
            check_base=lambda archive: check_base(archive, self.installed),
            base_listing=lambda: hashlib.sha256(listing(self.installed.record.items.values())).hexdigest(),
            installed_version=lambda: OLD,
            clock=self.clock,
            stopping=lambda: self.stopping,
            own=True,
            sleep=self.wait,
        )

    def wait(self, seconds: float) -> None:
        """Time goes on."""
        self.clock.now += timedelta(seconds=seconds)

    def turn_on(self) -> None:
        """OUI."""
        self.store.change_setting(AUTOMATIC_UPDATE.name, "OUI", "alice", NOW)

    def ask(self, number: int, kind: str, *, age: timedelta = timedelta(0)) -> dict[str, object] | None:
        """A request made of the worker, as old as `age`; the answer."""
        row = RequestRow(
            id=number,
            kind=kind,
            payload={},
            source="shell",
            requested_by="alice",
            requested_at=self.clock() - age,
        )
        self.automatic.answer(row)
        answer = self.reader.answer(number)
        return None if answer is None else dict(answer)

    def archives_asked_for(self) -> list[str]:
        """The archives' addresses, in the order of the requests."""
        return [path for path in self.server.paths if path.endswith(".ospi")]

    def close(self) -> None:
        """Close the databases."""
        self.engine.close()
        self.reader.close()


def last_run(house: House) -> dict[str, Any]:
    """How the last run ended."""
    found = house.store.state().last_run
    assert found is not None
    return dict(found)


def fill_repository(folder: Path, keys: Path) -> Repository:
    """The full archive of 11.6.0 and the delta that leads to it from 11.5.0."""
    trees = {
        OLD: make_tree(folder / "tree-old", {"VERSION": OLD.encode(), "text": b"bonjour\n" * 2000}),
        NEW: make_tree(folder / "tree-new", {"VERSION": NEW.encode(), "text": b"bonjour\n" * 2000 + b"fin\n"}),
    }
    later = NOW + timedelta(days=365)
    old, new = (
        build_archive(folder / f"{version}.ospi", keys, tree, version=version, expires=later)
        for version, tree in trees.items()
    )
    delta = folder / "delta.ospi"
    build_delta(old, new, keys, NOW, later, delta)
    repository = Repository(folder / "repository")
    for archive in (new, delta):
        publish(repository, keys, archive, NOW)
    return repository


@contextmanager
def a_house(folder: Path, keys: Path) -> Iterator[House]:
    """A house over a filled repository, served over HTTP."""
    repository = fill_repository(folder, keys)
    with serving(repository.folder) as server:
        house = House(folder, server, keys)
        yield house
        house.close()
