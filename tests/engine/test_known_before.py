"""What a look can tell is refused in phase 2, in words that say what to do, and locks nothing: run by the engine."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.phases.base import Facts, Registry, Run
from ospi_supervisor.phases.registry import make_registry
from ospi_supervisor.phases.release import manifest_facts
from ospi_supervisor.platform.machine import measure
from ospi_supervisor.platform.services import Services
from tests.phases.conftest import FileServices, answering, services
from tests.platform.conftest import make_config, make_stub
from tests.support.engine import OLD, Bench, Faults, close_databases, now
from tests.support.system import require_root
from tests.support.tmpfs import small_disk

__all__ = ["answering", "make_config", "make_stub", "services"]

HOOK = Hook(phase=HookPhase.STAGE, name="10-venv", timeout=9, title="Environnement")
EASY = {"cores": 1, "memory_gb": 0.1, "free_disk_percent": 0}


@dataclass
class Server(Bench):
    """An engine whose second phase looks at a real configuration; the others leave marks."""

    config: Config = field(kw_only=True)
    services: Services = field(kw_only=True)
    entries: int = 10
    interpreter: str = "/bin/sh"

    def registry(self, faults: Faults, version: str = "11.6.0") -> Registry:
        real = make_registry(
            replace(make_adapters(self.config), services=self.services),
            clock=now,
            measure=lambda room: measure(self.config, OLD, room),
            expected_end=lambda phase: None,
            forget_archive=lambda run: None,
        )
        looks = real.works[Phase.PREREQUISITES]
        works = {**super().registry(faults, version).works, Phase.PREREQUISITES: looks, Phase.VERIFY: Verified(self)}
        return Registry(works)


@dataclass(frozen=True)
class Verified:
    """An archive whose hook asks for an interpreter."""

    server: Server

    def do(self, run: Run) -> Facts:
        manifest = Manifest(product="portail", version="11.6.0", hooks=(HOOK,), entries=self.server.entries)
        return {
            "product": "portail",
            "version": "11.6.0",
            "manifest": manifest_facts(manifest),
            "interpreters": {HOOK.name: self.server.interpreter},
        }

    def undo(self, run: Run) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, answering: Callable[..., Config], services: FileServices) -> Iterator[Server]:
    config = answering(prerequisites=EASY)
    for folder in (config.platform.root / "releases", *config.platform.data_dirs, config.backup.directory):
        folder.mkdir(parents=True, exist_ok=True)
    yield Server(tmp_path, config=config, services=services)
    close_databases()


@contextmanager
def sealed(path: Path) -> Iterator[None]:
    require_root("attributes of files are set")
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["chattr", "+i", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    with small_disk(path, "4m"):
        subprocess.run(["mount", "-o", "remount,ro", path], check=True)
        yield


@contextmanager
def without_inodes(server: Server) -> Iterator[None]:
    server.entries = 2000
    with small_disk(server.config.platform.root, "64m,nr_inodes=500"):
        (server.config.platform.root / "releases").mkdir()
        yield


@contextmanager
def data_without_inodes(server: Server) -> Iterator[None]:
    with small_disk(server.config.platform.data_dirs[0], "4m,nr_inodes=50"):
        yield


def a_folder(path: Path) -> AbstractContextManager[None]:
    path.mkdir(parents=True)
    return nullcontext()


def a_missing_interpreter(server: Server) -> AbstractContextManager[None]:
    server.interpreter = "/usr/bin/env python9.9"
    return nullcontext()


def a_command(
    server: Server, start: str = "true", stop: str = "true", status: str = "true"
) -> AbstractContextManager[None]:
    table = ServiceTable(name="portail", start=start, stop=stop, status=status)
    server.services = Services([table], server.folder / "tenue", None)
    return nullcontext()


Obstruct = Callable[[Server], AbstractContextManager[None]]
CASES: dict[str, tuple[Obstruct, str]] = {
    "page": (lambda server: sealed(server.config.maintenance.page_dir), "protégé contre les changements"),
    "flag": (lambda server: sealed(server.config.maintenance.flag.parent), "protégé contre les changements"),
    "flag is a folder": (lambda server: a_folder(server.config.maintenance.flag), "autre chose qu'un fichier"),
    "releases": (lambda server: sealed(server.config.platform.root / "releases"), "protégé contre les changements"),
    "releases, read-only": (lambda server: read_only(server.config.platform.root / "releases"), "lecture seule"),
    "data": (lambda server: sealed(server.config.platform.data_dirs[0]), "protégé contre les changements"),
    "data, read-only": (lambda server: read_only(server.config.platform.data_dirs[0]), "lecture seule"),
    "link": (lambda server: a_folder(server.config.platform.root / ".current.new"), "autre chose qu'un fichier"),
    "inodes": (without_inodes, "Fichiers que peut encore porter"),
    "data, inodes": (data_without_inodes, "Fichiers que peut encore porter"),
    "interpreter": (a_missing_interpreter, "« python9.9 » absent de ce serveur"),
    "status fails": (lambda server: a_command(server, status="sh -c 'exit 5'"), "ne dit pas s'il fonctionne"),
    "start is missing": (
        lambda server: a_command(server, start="/opt/absent start"),
        "« /opt/absent » est",
    ),
    "stop is badly quoted": (lambda server: a_command(server, stop="sh -c 'exit"), "« stop » du service"),
    "status lies": (lambda server: a_command(server, status="false"), "aucun de ses services ne fonctionne"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_look_refuses_before_anything_changes_and_locks_nothing(server: Server, case: str) -> None:
    obstruct, words = CASES[case]
    with ExitStack() as stack:
        stack.enter_context(obstruct(server))
        server.admit()
        server.run()
    assert server.status() is UpdateStatus.REFUSED
    assert server.update()["failed_phase"] == Phase.PREREQUISITES
    assert words in server.update()["failure"]
    assert not [line for line in server.traced() if line.startswith("do ")]
    assert server.locked_versions() == []


def test_once_it_is_remedied_the_same_update_goes_its_way(server: Server) -> None:
    a_missing_interpreter(server)
    server.admit()
    server.run()
    server.interpreter = "/bin/sh"
    server.admit()
    server.run()
    assert [server.status(1), server.status(2)] == [UpdateStatus.REFUSED, UpdateStatus.SUCCEEDED]
