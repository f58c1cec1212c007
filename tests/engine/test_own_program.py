"""An update of this very program in the engine: fewer phases, the same record; its failure locks that product alone."""

from dataclasses import replace

import pytest

from ospi_supervisor import __version__
from ospi_supervisor.domain.lifecycle import OWN_PHASES, Phase, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.schedule import INSTALL_WINDOW
from ospi_supervisor.engine.engine import Engine
from ospi_supervisor.errors import HookError, RefusedError, WorkerStoppingError
from ospi_supervisor.phases.base import Registry, Run
from tests.engine.test_requests import answer, importing, requests_of
from tests.support.engine import NEW, Bench, Faults, MarkingPhase, now

NEXT = "99.0"


def engine(bench: Bench, faults: Faults | None = None) -> Engine:
    """An engine that knows both kinds of updates."""
    made = bench.engine({}, stopping=lambda: bench.phase_was_left(Phase.STAGE))
    works = {phase: Marking(bench, phase, faults or {}, NEXT) for phase in OWN_PHASES}
    made.own = Registry(works, skipped=frozenset(Phase) - frozenset(OWN_PHASES))
    return made


class Marking(MarkingPhase):
    """What is proven is an archive of this program."""

    def do(self, run: Run) -> dict[str, object]:
        found = dict(super().do(run))
        return found | {"product": OWN_PRODUCT} if self.phase is Phase.VERIFY else found


def admit(bench: Bench) -> int:
    return bench.admit(product=OWN_PRODUCT, from_version=__version__, to_version=NEXT, validates=False)


def test_it_has_its_own_phases_and_no_others(bench: Bench) -> None:
    admit(bench)
    assert list(bench.phase_statuses()) == list(OWN_PHASES)
    engine(bench).run_due()
    update = bench.update()
    assert (update["status"], update["product"], update["from"], update["to"]) == (
        "succeeded",
        OWN_PRODUCT,
        __version__,
        NEXT,
    )
    assert bench.traced() == [f"do {phase}" for phase in OWN_PHASES]


def test_its_failure_locks_its_product_alone(bench: Bench) -> None:
    def not_up(_run: Run) -> None:
        raise HookError("elle n'a pas répondu")

    admit(bench)
    engine(bench, {"did stage": not_up}).run_due()
    assert bench.status() is UpdateStatus.FAILED
    assert bench.effects() == set()
    assert [(lock["product"], lock["version"]) for lock in bench.reader().locks()] == [(OWN_PRODUCT, NEXT)]
    platform = bench.admit()
    engine(bench).run_due()
    assert bench.status(platform) is UpdateStatus.SUCCEEDED
    assert bench.update(platform)["to"] == NEW


def test_beside_it_no_other_update_is_begun(bench: Bench) -> None:
    def another(_run: Run) -> None:
        requests_of(bench).answer(importing(2))
        found = answer(bench, 2)
        assert (found["accepted"], "en cours" in found["message"]) == (False, True), found

    admit(bench)
    engine(bench, {"did verify": another}).run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_it_goes_on_in_the_program_that_is_left(bench: Bench) -> None:
    def stopped(_run: Run) -> None:
        raise WorkerStoppingError("le Superviseur s'arrête pour changer de version")

    admit(bench)
    engine(bench, {"did stage": bench.once(stopped)}).run_due()
    assert bench.status() is UpdateStatus.RUNNING
    (bench.folder / "effects" / "stage").unlink()
    engine(bench).run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert bench.traced().count("do verify") == 1


def test_what_it_began_at_night_goes_on_however_late_it_is(bench: Bench) -> None:
    """Its unit may have put the new program in place since: a cancellation would take that one away."""

    def stopped(_run: Run) -> None:
        raise WorkerStoppingError("le Superviseur s'arrête pour changer de version")

    bench.admit(product=OWN_PRODUCT, from_version=__version__, to_version=NEXT, validates=False, start_at=now())
    engine(bench, {"did stage": bench.once(stopped)}).run_due()
    late = engine(bench)
    late.clock = lambda: now() + INSTALL_WINDOW
    requests = replace(requests_of(bench), clock=late.clock)
    with pytest.raises(RefusedError, match="ne peut plus être annulée"):
        requests._cancel(1, "alice", late.clock())
    (bench.folder / "effects" / "stage").unlink()
    late.run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_one_that_the_night_could_not_begin_is_not_begun_by_day(bench: Bench) -> None:
    bench.admit(product=OWN_PRODUCT, from_version=__version__, to_version=NEXT, validates=False, start_at=now())
    late = engine(bench)
    late.clock = lambda: now() + INSTALL_WINDOW
    late.run_due()
    assert (bench.status(), bench.effects()) == (UpdateStatus.CANCELLED, set())


def test_it_cannot_be_cancelled_once_it_may_change_the_program(bench: Bench) -> None:
    said: list[str] = []

    def cancel(run: Run) -> None:
        try:
            requests_of(bench)._cancel(run.request.id, "alice", bench.engine().clock())
        except RefusedError as error:
            said.append(str(error))

    admit(bench)
    engine(bench, {"do stage": cancel}).run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert "ne peut plus être annulée : le Superviseur change de version" in said[0]
