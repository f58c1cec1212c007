"""The reverse proxy killed before, in and after each switch of the page: what is said is what is there.

A real nginx with the printed configuration, the real switch, the engine with its phases `maintenance` and `reopen`.
Whatever is advised is then followed to the letter, and loses nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ospi_supervisor.domain import situation
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.engine.engine import Engine
from ospi_supervisor.phases.base import Facts, PhaseWork, Registry, Run
from ospi_supervisor.phases.maintenance import Maintenance
from ospi_supervisor.phases.reopen import Reopen
from ospi_supervisor.platform.services import Services
from tests.engine.conftest import PATIENCE, KilledSwitch
from tests.engine.test_requests import requests_of
from tests.engine.test_resume import resuming
from tests.platform.proxied import Site
from tests.support.engine import Bench, Faults, close_databases, fail

pytestmark = pytest.mark.system


@dataclass
class World(Bench):
    """An engine whose page is a real one. Its other phases leave marks."""

    site: Site = field(kw_only=True)
    switch: KilledSwitch = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.switch = KilledSwitch(self.site.config.maintenance, self.site.health)

    def registry(self, faults: Faults, version: str = "11.6.0") -> Registry:
        marks = super().registry(faults, version)
        works: dict[Phase, PhaseWork] = {
            Phase.MAINTENANCE: Faulty(Maintenance(self.switch, PATIENCE), Phase.MAINTENANCE, faults),
            Phase.REOPEN: Faulty(Reopen(self.switch, Services((), self.folder / "hold", None)), Phase.REOPEN, faults),
        }
        return Registry({**marks.works, **works}, show_page=self.switch.on)

    def seen_once_the_proxy_is_back(self) -> str:
        self.site.proxy.start()
        return self.site.health.public()

    def resume(self) -> None:
        """« Reprendre », as pages and the shell advise."""
        self.site.proxy.start()
        engine: Engine = self.engine()
        requests_of(self).answer(resuming(1))
        engine.run_due()


@dataclass(frozen=True)
class Faulty:
    """A phase's real work, with faults before it."""

    work: PhaseWork
    phase: Phase
    faults: Faults

    def do(self, run: Run) -> Facts:
        self._at("do", run)
        return self.work.do(run)

    def undo(self, run: Run) -> None:
        self._at("undo", run)
        self.work.undo(run)

    def _at(self, way: str, run: Run) -> None:
        if fault := self.faults.get(f"{way} {self.phase}"):
            fault(run)


@pytest.fixture
def world(tmp_path: Path, site: Site) -> Iterator[World]:
    yield World(tmp_path, site=site)
    close_databases()


def kill_proxy(world: World) -> Callable[[object], None]:
    return lambda _: world.site.proxy.kill()


def said(world: World) -> situation.Situation:
    """What pages and mails say at the end."""
    locked, page_up = bool(world.locked_versions()), world.switch.is_on()
    return situation.situate(situation.Facts(update=world.status(), locked=locked, page_up=page_up))


def test_dead_before_the_page_goes_up_nothing_is_asked_for(world: World) -> None:
    world.admit()
    world.run({"do maintenance": kill_proxy(world)})
    assert world.status() is UpdateStatus.ROLLED_BACK
    assert "do stop" not in world.traced()
    assert not world.switch.is_on()
    assert "rouverte à tous" in said(world).advice
    assert world.seen_once_the_proxy_is_back() == "platform"


def test_dead_while_the_page_goes_up_it_is_there_until_somebody_resumes(world: World) -> None:
    world.switch.in_on = world.site.proxy.kill
    world.admit()
    world.run()
    assert world.status() is UpdateStatus.INTERVENTION
    assert "do stop" not in world.traced()
    assert said(world).users == situation.PAGE
    assert "reste en place" in world.update()["failure"]
    assert world.seen_once_the_proxy_is_back() == "maintenance"
    world.resume()
    assert world.status() is UpdateStatus.ROLLED_BACK
    assert world.site.health.public() == "platform"
    assert world.effects() == set()


@pytest.mark.parametrize("phase", [Phase.STOP, Phase.MIGRATE, Phase.HEALTH])
def test_dead_after_the_page_went_up_the_update_is_committed_behind_it(world: World, phase: Phase) -> None:
    world.admit()
    world.run({f"do {phase}": kill_proxy(world)})
    check_committed_behind_the_page(world)


@pytest.mark.parametrize("moment", ["before", "in"])
def test_dead_when_the_page_comes_down_after_a_success(world: World, moment: str) -> None:
    world.admit()
    if moment == "in":
        world.switch.in_off = world.site.proxy.kill
    world.run({"do reopen": kill_proxy(world)} if moment == "before" else {})
    check_committed_behind_the_page(world)


def check_committed_behind_the_page(world: World) -> None:
    assert world.status() is UpdateStatus.INTERVENTION
    assert said(world).users == situation.PAGE
    assert "reste en place" in world.update()["failure"]
    assert world.seen_once_the_proxy_is_back() == "maintenance"
    world.resume()
    assert world.status() is UpdateStatus.SUCCEEDED
    assert world.site.health.public() == "platform"
    assert not [line for line in world.traced() if line.startswith("undo")]


@pytest.mark.parametrize("moment", ["before", "in"])
def test_dead_when_the_page_comes_down_after_a_rollback(world: World, moment: str) -> None:
    world.admit()
    faults: dict[str, Callable[..., None]] = {"do migrate": fail}
    if moment == "before":
        faults["undo maintenance"] = kill_proxy(world)
    else:
        world.switch.in_off = world.site.proxy.kill
    world.run(faults)
    assert world.status() is UpdateStatus.INTERVENTION
    assert said(world).users == situation.PAGE
    failure = world.update()["failure"]
    assert "le retour en arrière a échoué" in failure  # the present failure, not the migration's
    assert "reste en place" in failure
    assert world.seen_once_the_proxy_is_back() == "maintenance"
    before = len(world.traced())
    world.resume()
    assert world.status() is UpdateStatus.ROLLED_BACK
    assert "undo migrate" not in world.traced()[before:]  # data are brought back once, not what was entered since
    assert world.site.health.public() == "platform"


def test_a_proxy_that_is_started_again_meanwhile_disturbs_nothing(world: World) -> None:
    def bounce() -> None:
        world.site.proxy.kill()
        world.site.proxy.start()

    world.switch.in_on = world.switch.in_off = bounce
    world.admit()
    world.run({"do reopen": lambda _: bounce()})
    assert world.status() is UpdateStatus.SUCCEEDED
    assert world.site.health.public() == "platform"


def test_whoever_takes_the_page_away_a_broken_platform_is_behind_it_at_the_end(world: World) -> None:
    def take_the_page_away(run: Run) -> None:
        world.switch.off()
        fail(run)

    world.admit()
    world.run({"do migrate": fail, "undo migrate": take_the_page_away})
    assert world.status() is UpdateStatus.INTERVENTION
    assert world.site.health.public() == "maintenance"
