"""Which services run after an update, or after the way back: those that ran before it."""

from collections.abc import Callable

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.stop import Stop, start_what_ran
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.machine import boot_id
from tests.phases.conftest import FileServices, MemoryRun


@pytest.fixture
def run(make_run: Callable[[Phase], MemoryRun]) -> MemoryRun:
    return make_run(Phase.STOP)


@pytest.fixture
def stop(services: FileServices, answering: Callable[..., Config]) -> Stop:
    return Stop(services, Health(answering(runs=services.at_work).platform), 0.3)


def test_what_a_boot_has_not_started_yet_is_not_taken_for_stopped(
    stop: Stop, services: FileServices, run: MemoryRun
) -> None:
    run.known[Phase.PREREQUISITES] = {"running": ["base", "portail"], "boot": "another"}
    (services.folder / "portail").unlink()
    stop.do(run)
    assert run.facts(Phase.STOP) == {"running": ["base", "portail"]}


def test_what_died_since_phase_2_is_not_taken_for_stopped(
    services: FileServices, run: MemoryRun, answering: Callable[..., Config]
) -> None:
    run.known[Phase.PREREQUISITES] = {"running": ["base", "portail"], "boot": boot_id()}
    (services.folder / "portail").unlink()
    Stop(services, Health(answering(status=503).platform), 0.3).do(run)
    assert run.facts(Phase.STOP) == {"running": ["base", "portail"]}


def test_what_is_stopped_on_purpose_since_phase_2_stays_so(stop: Stop, services: FileServices, run: MemoryRun) -> None:
    run.known[Phase.PREREQUISITES] = {"running": ["base", "portail"], "boot": boot_id()}
    (services.folder / "base").unlink()
    stop.do(run)
    assert run.facts(Phase.STOP) == {"running": ["portail"]}


def test_what_was_stopped_on_purpose_stays_so_and_is_named(stop: Stop, services: FileServices, run: MemoryRun) -> None:
    stop.do(run)
    assert services.at_work() == set()
    start_what_ran(services, run)
    assert services.at_work() == {"base", "portail"}
    assert "lots" in run.warnings[0]


def test_on_the_way_back_too_whatever_a_boot_started(stop: Stop, services: FileServices, run: MemoryRun) -> None:
    stop.do(run)
    (services.folder / "lots").touch()
    services.ensure_stopped()
    stop.undo(run)
    assert services.at_work() == {"base", "portail"}
    assert not services.is_held()


def test_done_again_it_keeps_what_it_remembered_first(stop: Stop, services: FileServices, run: MemoryRun) -> None:
    stop.do(run)
    stop.do(run)
    assert run.facts(Phase.STOP) == {"running": ["base", "portail"]}


def test_what_runs_is_remembered_before_the_hold(stop: Stop, services: FileServices, run: MemoryRun) -> None:
    def full_disk(**facts: object) -> None:
        raise PlatformError("plus de place")

    run.remember = full_disk  # type: ignore[method-assign]
    with pytest.raises(PlatformError, match="plus de place"):
        stop.do(run)
    assert not services.is_held()
    stop.undo(run)
    assert services.at_work() == {"base", "portail"}


def test_where_nothing_was_remembered_all_are_started(stop: Stop, services: FileServices, run: MemoryRun) -> None:
    services.ensure_stopped()
    stop.undo(run)
    assert services.at_work() == {"base", "portail", "lots"}
    assert run.warnings == []


def test_nothing_goes_on_while_the_platform_answers_though_its_services_are_stopped(
    services: FileServices, run: MemoryRun, answering: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something of the platform runs that is none of its services, or whose `status` lies: it would write on."""
    monkeypatch.setattr(Health.wait_for_silence, "__defaults__", (0.2,))
    with pytest.raises(PlatformError, match=r"répond encore .* platform.services"):
        Stop(services, Health(answering().platform), 0.3).do(run)
