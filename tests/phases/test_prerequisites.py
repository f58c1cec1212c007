"""What refuses an update while users still have the platform, beyond the rules of the machine."""

from collections.abc import Callable

import pytest

from ospi_supervisor.config import Config, ServiceTable
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.prerequisites import Prerequisites
from ospi_supervisor.platform.machine import boot_id, measure
from ospi_supervisor.platform.services import Services
from tests.phases.conftest import OLD, FileServices, MemoryRun

EASY = {"cores": 1, "memory_gb": 0.1, "free_disk_percent": 0}


@pytest.fixture
def run(make_run: Callable[[Phase], MemoryRun]) -> MemoryRun:
    return make_run(Phase.PREREQUISITES)


def phase(config: Config, services: Services) -> Prerequisites:
    return Prerequisites(config, lambda room: measure(config, OLD, room), lambda: 0, services)


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
