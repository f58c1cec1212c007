"""What refuses an update while users still have the platform, beyond the rules of the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.config import Config, ServiceTable
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.plan import DataWeight
from ospi_supervisor.errors import BackupError, ConfigurationError, RefusedError
from ospi_supervisor.phases import prerequisites
from ospi_supervisor.phases.prerequisites import Prerequisites
from ospi_supervisor.platform.health import Health, HealthFacts
from ospi_supervisor.platform.machine import boot_id, measure
from ospi_supervisor.platform.services import Services
from tests.phases.conftest import OLD, FileServices, MemoryRun

EASY = {"cores": 1, "memory_gb": 0.1, "free_disk_percent": 0}


@pytest.fixture
def run(make_run: Callable[[Phase], MemoryRun]) -> MemoryRun:
    return make_run(Phase.PREREQUISITES)


def phase(config: Config, services: Services) -> Prerequisites:
    health, databases = Health(config.platform), make_databases(config.platform.databases)
    return Prerequisites(config, lambda room: measure(config, OLD, room), DataWeight, services, health, databases)


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
