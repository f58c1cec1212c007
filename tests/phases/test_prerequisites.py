"""What refuses an update while users still have the platform, beyond the rules of the machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.domain.plan import DataWeight, Room
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.errors import BackupError, ConfigurationError, RefusedError
from ospi_supervisor.phases import prerequisites
from ospi_supervisor.phases.prerequisites import Prerequisites
from ospi_supervisor.phases.release import manifest_facts
from ospi_supervisor.platform.health import Health, HealthFacts
from ospi_supervisor.platform.machine import boot_id, measure
from ospi_supervisor.platform.services import Services
from tests.phases.conftest import NEW, OLD, FileServices, MemoryRun
from tests.support.engine import now

EASY = {"cores": 1, "memory_gb": 0.1, "free_disk_percent": 0}


@pytest.fixture
def run(make_run: Callable[[Phase], MemoryRun]) -> MemoryRun:
    return make_run(Phase.PREREQUISITES)


def phase(config: Config, services: Services, weigh: Callable[[str], int] = lambda version: 0) -> Prerequisites:
    health, databases = Health(config.platform), make_databases(config.platform.databases)
    snapshots = Snapshots(config.backup.directory, config.platform.data_dirs, databases, 1)
    return Prerequisites(
        config,
        lambda room: measure(config, OLD, room),
        DataWeight,
        services,
        health,
        databases,
        weigh,
        now,
        snapshots.irreplaceable,
    )


def test_what_runs_is_recorded_with_the_boot(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config]
) -> None:
    facts = phase(answering(prerequisites=EASY), services).do(run)
    assert (facts["running"], facts["boot"]) == (["base", "portail"], boot_id())


def test_a_service_of_which_nothing_can_be_told_refuses(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config]
) -> None:
    unknown = ServiceTable(name="portail", start="true", stop="true", status="/no/such/command")
    with pytest.raises(RefusedError, match="« portail »"):
        phase(answering(prerequisites=EASY), Services([unknown], services.folder / "hold", None)).do(run)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"version": "11.4.0"}, "annonce la version 11.4.0 au lieu de 11.5.0"),
        ({"status": 503}, "répond 503 au lieu de 200"),
    ],
)
def test_a_platform_that_is_not_well_refuses_what_its_way_back_would_wait_for(
    answer: dict[str, Any],
    words: str,
    run: MemoryRun,
    services: FileServices,
    answering: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prerequisites, "POLL_SECONDS", 0.1)
    with pytest.raises(RefusedError, match=f"{words} ; .*platform.health_url"):
        phase(answering(**answer, prerequisites=EASY), services).do(run)


def test_a_platform_that_is_still_starting_is_waited_for(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prerequisites, "POLL_SECONDS", 0.01)
    check = Health.check
    asked: list[str | None] = []

    def starting(self: Health, version: str | None) -> HealthFacts:
        asked.append(version)
        return check(self, version) if len(asked) > 2 else HealthFacts(ok=False, version=None, error="démarre")

    monkeypatch.setattr(Health, "check", starting)
    phase(answering(prerequisites=EASY, platform={"health_timeout": 30}), services).do(run)
    assert asked == [OLD] * 3


def test_data_in_a_release_refuse(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config], tmp_path: Path
) -> None:
    config = answering(prerequisites=EASY, platform={"data_dirs": [str(tmp_path / "platform/current/data")]})
    with pytest.raises(ConfigurationError, match="current/data est dans une version"):
        phase(config, services).do(run)


def test_a_database_that_could_not_be_restored_refuses(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config], tmp_path: Path
) -> None:
    (tmp_path / "portail.db").write_text("ce n'est pas une base")
    database = {"name": "portail", "url": f"sqlite://{tmp_path}/portail.db"}
    with pytest.raises(BackupError, match=r"la base « portail » .* ne peut pas être lue"):
        phase(answering(prerequisites=EASY, platform={"databases": [database]}), services).do(run)


@pytest.mark.parametrize("code", [4, 5, 100, 126, 127])
def test_a_status_that_fails_is_not_stopped(
    code: int, run: MemoryRun, services: FileServices, answering: Callable[..., Config]
) -> None:
    fails = ServiceTable(name="portail", start="true", stop="true", status=f"sh -c 'exit {code}'")
    with pytest.raises(RefusedError, match=f"ne dit pas s'il fonctionne.*code {code}"):
        phase(answering(prerequisites=EASY), Services([fails], services.folder / "hold", None)).do(run)


def test_a_platform_that_answers_while_none_of_its_services_runs_is_refused(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config]
) -> None:
    """A `status` command that fails with the code of « stopped »: nothing would stop what answers."""
    lies = ServiceTable(name="portail", start="true", stop="true", status="false")
    with pytest.raises(RefusedError, match="aucun de ses services ne fonctionne") as refusal:
        phase(answering(prerequisites=EASY), Services([lies], services.folder / "hold", None)).do(run)
    assert refusal.value.code == "services"


def test_what_a_look_finds_refuses_with_what_to_do(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config]
) -> None:
    config = answering(prerequisites=EASY)
    config.maintenance.flag.mkdir(parents=True)
    run.known[Phase.VERIFY]["interpreters"] = {"10-venv": "/usr/bin/python9.9"}
    with pytest.raises(RefusedError, match=r"python9.9.* absent de ce serveur.* Installez-le") as refusal:
        phase(config, services).do(run)
    assert refusal.value.code == "prerequisites"
    assert f"Fichier {config.maintenance.flag}" in str(refusal.value)


@pytest.mark.parametrize(("declared", "expected"), [(7_000, 7_000), (0, 5_000)])
def test_the_room_of_hooks_is_what_the_manifest_declares_else_what_the_installed_ones_took(
    run: MemoryRun, services: FileServices, answering: Callable[..., Config], declared: int, expected: int
) -> None:
    config = answering(prerequisites=EASY)
    hook = Hook(phase=HookPhase.STAGE, name="10-venv", timeout=9, title="t")
    manifest = Manifest(product="p", version=NEW, hooks=(hook,), unpacked_bytes=100, hooks_bytes=declared)
    run.known[Phase.VERIFY]["manifest"] = manifest_facts(manifest)
    asked: list[int] = []

    def measured(room: Room) -> MachineFacts:
        asked.append(room.platform)
        return measure(config, OLD, room)

    made = phase(config, services, weigh=lambda version: 5_000)
    replace(made, measure=measured).do(run)
    assert asked[-1] == 100 + expected


def test_what_hooks_wrote_is_weighed_without_following_links(tmp_path: Path, answering: Callable[..., Config]) -> None:
    config = answering()
    installed = InstalledReleases(Releases(config.platform.root), config.paths)
    release = installed.releases.path(OLD)
    (release / "venv/lib").mkdir(parents=True)
    (release / "venv/lib/un").write_bytes(b"x" * 1_000_000)
    (release / "venv/ailleurs").symlink_to("/usr")
    (release / "cache").symlink_to("/usr")
    installed.save_manifest(Manifest(product="p", version=OLD, writable=("venv", "cache", "absent")))
    assert 1_000_000 <= installed.weigh_writable(OLD) < 1_100_000
