"""An update that is prepared hours before: asked for, hurt while it waits, and taken up just before its hour."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import Terms
from tests.faults.actions import ACTIONS
from tests.faults.scenario import Scenario
from tests.faults.world import World, wait_until

HOURS, JUST_BEFORE = timedelta(hours=7), timedelta(seconds=20)
"""How long it waits, and how long before its hour the clock goes on from."""


def ask(world: World, scenario: Scenario, counts: Mapping[str, int]) -> int:
    """The number of the request, at once or for an hour; `counts` as `Hit.pause` has it. The worker that begins at the
    end stops where the scenario hurts it: it prepares for the hour."""
    archive = world.site.vendor.archive(scenario.hooks)
    if scenario.waiting is None:
        return world.ask(archive)
    hour = datetime.now(UTC) + HOURS
    request = world.ask(archive, terms=Terms(switch_at=hour))
    wait_until(lambda: _waits(world, request), "the preparation")
    ACTIONS[scenario.waiting](world)
    wait_until(lambda: _waits(world, request), "the wait, after the fault")
    world.kill("worker")
    (world.notes / "clock").write_text(str((hour - JUST_BEFORE - datetime.now(UTC)).total_seconds()))
    world.pauses = scenario.pauses(counts)
    world.tend()
    return request


def _waits(world: World, request: int) -> bool:
    world.tend()
    answer = world.answer(request)
    if answer is None:
        return False
    update = world.update(answer["update_id"])
    assert update is not None
    assert not UpdateStatus(update["status"]).is_final, update
    return bool(update["status"] == UpdateStatus.PREPARED)
