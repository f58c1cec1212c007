"""Plays one scenario: the world runs, is hurt, comes back by itself and is judged; then it installs another release."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.errors import RefusedError
from tests.faults.actions import ACTIONS, KILLING, mend_backups, mend_file, replace_service
from tests.faults.decider import Decider
from tests.faults.disks import FILLER, named, set_read_only
from tests.faults.oracle import judge
from tests.faults.platform import Site
from tests.faults.scenario import Hit, Scenario
from tests.faults.vendor import NEXT, Vendor
from tests.faults.waiting import ask
from tests.faults.world import REPOSITORY, World, running, wait_until
from tests.support.postgres import Postgres, postgres_server

HEALED_AFTER_SECONDS = 12.0
"""A full disk is cleared after so long where the update waits for room to record its end."""


@dataclass(frozen=True)
class Workshop:
    """What all scenarios share.

    `counts`: how many audited calls each phase's do and undo make; `seconds`: how long an update takes here.
    """

    folder: Path
    vendor: Vendor
    postgres: Postgres
    counts: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came of one scenario. `missed`: the update had ended before it could be hurt."""

    name: str
    fault: str
    phase: str
    status: str
    violations: tuple[str, ...]
    missed: bool
    seconds: float


def play(scenario: Scenario, workshop: Workshop, first_port: int) -> Outcome:
    """The whole story of one scenario; whatever goes wrong in it is a violation."""
    began = time.monotonic()
    folder = workshop.folder / f"monde-{first_port}"
    game: _Game | None = None
    violations: list[str] = []
    with _postgres_of(scenario, workshop, first_port) as postgres:
        site = Site(
            root=folder,
            vendor=workshop.vendor,
            postgres=postgres,
            first_port=first_port,
            health_timeout=scenario.health_timeout,
            disks=scenario.disks,
            cuttable=scenario.cuttable,
            web=scenario.web,
        )
        pauses = [] if scenario.waiting else scenario.pauses(workshop.counts)
        with running(site, pauses) as world:
            game = _Game(scenario, world, workshop)
            try:
                violations = game.run()
            except Exception as error:  # noqa: BLE001 - it is told as a violation
                violations = [f"{type(error).__name__}: {error}"]
            if violations:
                _keep_logs(world, workshop, scenario)
    return Outcome(
        name=scenario.name,
        fault=scenario.fault,
        phase=str(scenario.phase),
        status=game.status,
        violations=tuple(violations),
        missed=game.missed,
        seconds=round(time.monotonic() - began, 1),
    )


def measure(workshop: Workshop, scenario: Scenario, first_port: int) -> Workshop:
    """The workshop with what a scenario without hits tells of its phases' audited calls, and of its time."""
    site = Site(
        root=workshop.folder / "compte", vendor=workshop.vendor, postgres=workshop.postgres, first_port=first_port
    )
    with running(site, ["before:do:none:0"]) as world:
        began = time.monotonic()
        violations = _Game(scenario, world, workshop).first_update()
        seconds = time.monotonic() - began
        if violations:
            raise RuntimeError(f"{scenario.name}, which nothing hurts: {violations}")
        counts = json.loads((world.notes / "counts.json").read_text())
    return replace(workshop, counts=workshop.counts | counts, seconds=seconds)


@contextmanager
def _postgres_of(scenario: Scenario, workshop: Workshop, first_port: int) -> Iterator[Postgres]:
    if not scenario.own_postgres:
        yield workshop.postgres
        return
    durable = ()  # by its defaults: what it acknowledged must outlive its own stop
    with postgres_server(workshop.postgres.folder.with_name(f"ospi-pg-{first_port}"), durable) as server:
        yield server


def _keep_logs(world: World, workshop: Workshop, scenario: Scenario) -> None:
    target = REPOSITORY / ".cache/faults/failures" / scenario.name.replace("/", "-")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in (*world.notes.glob("*.log"), world.root / "run/log"):
        with contextlib.suppress(OSError):
            shutil.copy(path, target)


class _Game:
    """One scenario in one world."""

    def __init__(self, scenario: Scenario, world: World, workshop: Workshop) -> None:
        self.scenario = scenario
        self.world = world
        self.workshop = workshop
        self.status, self.locks = "?", True
        self.missed = False

    def run(self) -> list[str]:
        """All that is wrong, in the hurt update and in the next."""
        violations = self.first_update()
        self.world.decider = None
        status = UpdateStatus(self.status)
        if status is UpdateStatus.INTERVENTION:
            violations += [*self._nothing_more(), *self._resume()]
        if any(hit.action == "deaf_service" for hit in self.scenario.hits):
            replace_service(self.world)
        before = self.world.config.platform.root.joinpath("current").resolve().name
        return [*violations, *self._never_twice(status), *self._next_update(before)]

    def first_update(self) -> list[str]:
        """The hurt update, from its request to the oracle."""
        moods: dict[str, dict[str, str]] = {}
        for version, what, how in self.scenario.moods:
            moods.setdefault(version, {})[what] = how
        self.world.set_moods(moods)
        verdict = self.scenario.decides
        self.world.decider = None if verdict is None else Decider(verdict)
        request = ask(self.world, self.scenario, self.workshop.counts)
        asked_at = time.monotonic()
        for position, hit in enumerate(self.scenario.hits):
            self._await(hit, request, asked_at)
            asked_at = time.monotonic()
            later = [other for other in self.scenario.hits[position + 1 :] if other.phase is not None]
            self._hurt(hit, later)
            if hit.action == "start_again":
                (request,) = self.world.accepted()
        update = self._end_of(request)
        self.status, self.locks = update["status"], self.scenario.locks_after(update["failed_phase"])
        self._heal()
        violations = judge(self.world, update, torn_log=self.scenario.tears_the_log)
        if UpdateStatus(self.status) not in self.scenario.allowed:
            violations.append(f"ended {self.status} in {update['failed_phase']} ({update['failure']})")
        return violations

    def _await(self, hit: Hit, request: int, since: float) -> None:
        if hit.phase is None:
            instant = since + hit.delay * self.workshop.seconds
            wait_until(lambda: time.monotonic() >= instant or self._tended(), "the instant")
            return
        paused = self.world.notes / "paused"
        wait_until(lambda: paused.exists() or self._tended() or self.world.is_over(request), f"the pause {hit}")
        self.missed = self.missed or not paused.exists()

    def _tended(self) -> bool:
        self.world.tend()
        return False

    def _hurt(self, hit: Hit, later: Sequence[Hit]) -> None:
        ACTIONS[hit.action](self.world)
        if hit.action in KILLING:
            self.world.pauses = [other.pause(self.workshop.counts) for other in later]
        if hit.phase is not None and (self.world.notes / "paused").exists():
            (self.world.notes / "go").touch()
            wait_until(lambda: not (self.world.notes / "go").exists(), "the worker's going on", 120)
        self.world.tend()

    def _end_of(self, request: int) -> dict[str, Any]:
        healed_at = time.monotonic() + HEALED_AFTER_SECONDS
        full = any(hit.action == "fill_state" for hit in self.scenario.hits)

        def over() -> bool:
            self.world.tend()
            if full and time.monotonic() > healed_at:
                self._heal()
            return self.world.is_over(request)

        wait_until(over, "the update's end")
        answer = self.world.answer(request)
        update = self.world.update((answer or {})["update_id"])
        assert update is not None
        wait_until(lambda: not self._is_at_work(), "the worker's rest", 120)
        return update

    def _is_at_work(self) -> bool:
        with self.world.reader() as reader:
            return reader.active_update() is not None

    def _heal(self) -> None:
        """The administrator makes room and mends the machine; the update was to cope by itself before."""
        world = self.world
        for name, _ in self.scenario.disks:
            set_read_only(world.root / name, on=False)
            for filler in named(world.root / name, FILLER):  # a restore may have set it aside, like any other file
                filler.unlink()
        (world.notes / "clock").unlink(missing_ok=True)
        world.set_moods({})
        mend_backups(world)
        mend_file(world)
        if self.scenario.own_postgres and not _is_up(world.site.postgres):
            world.site.postgres.start()

    def _never_twice(self, status: UpdateStatus) -> Iterator[str]:
        """A version that failed is refused in any archive; one that was refused early is not."""
        if status not in (UpdateStatus.ROLLED_BACK, UpdateStatus.FAILED) or not self.locks:
            return
        try:
            self.world.ask(self.workshop.vendor.archive("children"))
        except RefusedError:
            return
        yield "the version that failed is accepted again"

    def _nothing_more(self) -> Iterator[str]:
        """After an intervention nothing can be installed."""
        try:
            request = self.world.ask(self.workshop.vendor.archive("good", NEXT))
        except RefusedError:
            return
        wait_until(lambda: self.world.answer(request) is not None or self._tended(), "the answer", 180)
        if (self.world.answer(request) or {}).get("accepted"):
            yield "another update is accepted after an intervention"

    def _resume(self) -> Iterator[str]:
        """Once what stopped the update is mended, `resume` brings it to its end."""
        with self.world.reader() as reader:
            (number,) = [row["id"] for row in reader.updates(100) if row["status"] == UpdateStatus.INTERVENTION]
        with self.world.operations() as operations:
            operations.request_resume(number, by="campagne", source=Source.SHELL)
        ended = (UpdateStatus.ROLLED_BACK, UpdateStatus.SUCCEEDED)

        def resumed() -> bool:
            self.world.tend()
            return (self.world.update(number) or {})["status"] in ended

        wait_until(resumed, "the resumed update's end")
        update = self.world.update(number)
        assert update is not None
        yield from (f"resumed: {violation}" for violation in judge(self.world, update, torn_log=True))

    def _next_update(self, before: str) -> Iterator[str]:
        """A next, different archive installs."""
        self.world.pauses = ()
        request = self.world.ask(self.workshop.vendor.archive("good", NEXT))
        update = self._end_of(request)
        if update["status"] != "succeeded":
            yield f"the next update ends {update['status']} in {update['failed_phase']} ({update['failure']})"
        yield from (
            f"next: {violation}"
            for violation in judge(self.world, update, torn_log=self.scenario.tears_the_log, before=before)
        )


def _is_up(postgres: Postgres) -> bool:
    try:
        postgres.run("psql", "-Xqc", "SELECT 1", "postgres")
    except subprocess.CalledProcessError:
        return False
    return True
