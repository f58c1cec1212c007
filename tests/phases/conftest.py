"""A run that keeps in memory what the engine keeps in its database, and services that are files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.domain.validation import Decision
from ospi_supervisor.phases.base import Facts, UpdateRequest
from ospi_supervisor.phases.release import manifest_facts
from ospi_supervisor.platform.services import Services
from tests.platform.conftest import Stub, make_config, make_stub, reply

__all__ = ["make_config", "make_stub"]

OLD, NEW = "11.5.0", "11.6.0"


@dataclass
class MemoryRun:
    """The `Run` of a phase that is called by itself."""

    phase: Phase
    request: UpdateRequest
    log_path: Path
    known: dict[Phase, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    maintenance_started_at: datetime | None = None
    decided: Decision | None = None

    def facts(self, phase: Phase) -> Facts:
        return self.known.get(phase, {})

    def remember(self, **facts: Any) -> None:
        self.known.setdefault(self.phase, {}).update(facts)

    def progress(self, percent: float, message: str = "") -> None:
        pass

    def journal(self, level: Level, message: str) -> None:
        if level is Level.WARNING:
            self.warnings.append(message)

    def log(self, text: str) -> None:
        pass

    def output(self, lines: Sequence[str], count: int) -> None:
        pass

    def check(self) -> None:
        pass

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        self.decided = self.decided or otherwise
        return self.decided


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[Phase], MemoryRun]:
    """A run of an update from OLD to NEW, at a phase."""

    def make(phase: Phase) -> MemoryRun:
        request = UpdateRequest(
            id=7,
            archive=tmp_path / "archive.ospi",
            source="shell",
            requested_by="root",
            from_version=OLD,
            started_at=datetime.now(UTC),
        )
        manifest = manifest_facts(Manifest(product="portail", version=NEW))
        return MemoryRun(phase, request, tmp_path / "update.log", {Phase.VERIFY: {"manifest": manifest}})

    return make


class FileServices(Services):
    """Services of which each runs while a file of its name is there."""

    def __init__(self, folder: Path, *names: str) -> None:
        folder.mkdir()
        tables = [
            ServiceTable(
                name=name, start=f"touch {folder / name}", stop=f"rm {folder / name}", status=f"test -e {folder / name}"
            )
            for name in names
        ]
        super().__init__(tables, folder / "hold", None)
        self.folder = folder

    def at_work(self) -> set[str]:
        return {name for name, runs in self.running().items() if runs}


@pytest.fixture
def services(tmp_path: Path) -> FileServices:
    """Three services, of which the last does not run."""
    three = FileServices(tmp_path / "services", "base", "portail", "lots")
    three.start(["base", "portail"])
    return three


@pytest.fixture
def answering(make_stub: Callable[..., Stub], make_config: Callable[..., Config]) -> Callable[..., Config]:
    """The configuration of a platform whose health address gives a version, with a status, while it `runs`."""

    def make(
        version: str = OLD, status: int = 200, runs: Callable[[], object] = lambda: True, **tables: dict[str, Any]
    ) -> Config:
        def handle(handler: Any) -> None:
            health = handler.path.startswith("/health")
            body = json.dumps({"version": version}).encode() if health else b"portail"
            reply(handler, (status if runs() else 503) if health else 200, body)

        stub = make_stub(handle)
        platform = {"public_url": f"{stub.url}/", "health_url": f"{stub.url}/health", "health_timeout": 0.3}
        return make_config(platform=platform | tables.pop("platform", {}), **tables)

    return make
