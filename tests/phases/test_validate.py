"""The wait behind the closed door: the link while it lasts, who ends it, and what was written meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ospi_supervisor.backup.changes import Changes
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.validation import Decision, Verdict
from ospi_supervisor.errors import NotOpenedError, WorkerStoppingError
from ospi_supervisor.phases.validate import CHANGES, UNTIL, Validate
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.invitations import Invitations, secret_in
from tests.phases.conftest import NEW, FileServices, MemoryRun

OPENED, SENT_BACK = (
    Decision(verdict=Verdict.OPEN, by="carla"),
    Decision(verdict=Verdict.GO_BACK, by="carla"),
)


@dataclass
class World:
    """A phase whose clock and whose people a test moves: `events` are called one after the other, each time it asks
    whether something is decided."""

    phase: Validate
    run: "AskedRun"
    folder: Path
    data: Path
    now: list[datetime]

    @property
    def secret(self) -> str | None:
        return secret_in(self.folder)


@dataclass
class AskedRun(MemoryRun):
    events: list[Callable[[], Decision | None]] = field(default_factory=list)

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        self.decided = self.decided or (self.events.pop(0)() if self.events else None)
        return super().decision(otherwise)


@pytest.fixture
def world(
    tmp_path: Path,
    make_run: Callable[[Phase], MemoryRun],
    answering: Callable[..., Config],
    services: FileServices,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr("ospi_supervisor.phases.validate.POLL_SECONDS", 0.01)
    data, now = tmp_path / "data", [datetime(2026, 11, 30, 22, 0, tzinfo=UTC)]
    data.mkdir()
    phase = Validate(
        invitations=Invitations(tmp_path / "invitations", tmp_path),
        services=services,
        health=Health(answering(NEW).platform),
        health_timeout=5,
        clock=lambda: now[-1],
        minutes=60,
        otherwise=Verdict.GO_BACK,
        count=lambda: Changes((), [data]),
    )
    run = make_run(Phase.VALIDATE)
    asked = AskedRun(run.phase, run.request, run.log_path, run.known)
    return World(phase, asked, tmp_path / "invitations", data, now)


def test_the_link_stands_while_it_waits_and_is_gone_once_it_is_opened(world: World) -> None:
    seen: list[str | None] = []

    def look() -> None:
        seen.append(world.secret)

    world.run.events = [look, look, lambda: OPENED]
    assert world.phase.do(world.run) == {}
    assert seen[0] is not None
    assert seen[0] == seen[1]
    assert world.secret is None
    assert seen[0] not in str(world.run.known)


def test_going_back_says_who_wanted_it_and_what_is_lost(world: World) -> None:
    def write() -> None:
        (world.data / "saisie").write_text("derrière la page")

    def counted() -> Decision | None:
        return SENT_BACK if world.run.facts(Phase.VALIDATE).get(CHANGES) else None

    world.run.events = [write, *[counted] * 1000]
    with pytest.raises(NotOpenedError, match="carla a choisi de revenir"):
        world.phase.do(world.run)
    assert world.run.warnings == []
    world.phase.undo(world.run)  # also where a crash ended the wait
    assert world.run.warnings == ["Écrit derrière la page, et perdu au retour : fichiers : 1 créé ou modifié."]
    assert world.secret is None


@pytest.mark.parametrize("otherwise", list(Verdict))
def test_at_its_hour_the_rule_decides(world: World, otherwise: Verdict) -> None:
    def an_hour_passes() -> None:
        world.now.append(world.now[-1] + timedelta(minutes=60))

    world.run.events = [an_hour_passes]
    phase = replace(world.phase, otherwise=otherwise)
    if otherwise is Verdict.OPEN:
        phase.do(world.run)
        assert any("comme le veut la configuration" in line for line in world.run.warnings)
    else:
        with pytest.raises(NotOpenedError, match="personne n'a ouvert"):
            phase.do(world.run)
    assert world.run.decided == Decision(verdict=otherwise)
    assert world.secret is None


def test_a_stop_of_the_worker_takes_the_link_and_keeps_the_hour(world: World, services: FileServices) -> None:
    first: list[str | None] = []

    def stop() -> Decision | None:
        first.append(world.secret)
        raise WorkerStoppingError("le service s'arrête")

    world.run.events = [stop]
    with pytest.raises(WorkerStoppingError):
        world.phase.do(world.run)
    until = world.run.facts(Phase.VALIDATE)[UNTIL]
    assert world.secret is None
    services.stop()  # as recovery does

    def look() -> Decision | None:
        first.append(world.secret)
        return OPENED

    world.now.append(world.now[-1] + timedelta(minutes=10))
    world.run.events = [look]
    world.phase.do(world.run)
    assert world.run.facts(Phase.VALIDATE)[UNTIL] == until
    assert None not in first
    assert first[0] != first[1]
    assert services.at_work() == {"base", "portail", "lots"}


def test_its_undo_takes_a_link_that_a_crash_left(world: World) -> None:
    world.phase.invitations.issue()
    for _ in range(2):
        world.phase.undo(world.run)
        assert world.secret is None
