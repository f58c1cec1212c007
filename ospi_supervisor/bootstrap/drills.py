"""The drills of backups, for the worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.automatic import nightly_plan
from ospi_supervisor.deployment.tried import Tried
from ospi_supervisor.domain.schedule import NightlyPlan
from ospi_supervisor.errors import BusyError
from ospi_supervisor.rehearsal.drill import Drill
from ospi_supervisor.rehearsal.place import sweep
from ospi_supervisor.rehearsal.play import Rehearsal
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.system.lock import exclusive, update_lock
from ospi_supervisor.system.zone import local_zone
from ospi_supervisor.worker.certificates import Drilling
from ospi_supervisor.worker.drills import Drills


def make_drills(
    config: Config, adapters: Adapters, store: EngineStore, reader: EngineReader, stopping: Callable[[], bool]
) -> Drills:
    """They start the services that run when a drill begins, as an update would."""

    def plan() -> NightlyPlan:
        return nightly_plan(config, AutomaticStore(store).state().server_id, local_zone())

    def running() -> list[str]:
        return [name for name, runs in adapters.services.running().items() if runs]

    drill = Drill(Rehearsal(config, adapters.releases), running)
    return Drills(
        drilling=Drilling(config, adapters.snapshots, drill.play, utc_now),
        engine=store,
        reader=reader,
        published=PublishedStore(store),
        sweep=lambda: _sweep(config, adapters),
        lock=lambda: _nobody_else(config),
        plan=plan,
        clock=utc_now,
        stopping=stopping,
    )


def _sweep(config: Config, adapters: Adapters) -> None:
    """What a killed worker left of a twin, and a killed rehearsal from the shell of a release."""
    sweep(config)
    with suppress(BusyError), update_lock(config.paths.update_lock):
        Tried(config.paths, adapters.releases, adapters.snapshots).remove()


@contextmanager
def _nobody_else(config: Config) -> Iterator[None]:
    """BusyError where an update or a restoration is at work on this machine, another instance's too."""
    turn = config.supervisor.turn_file
    others = exclusive(turn, "une autre instance de ce serveur est en cours de mise à jour") if turn else nullcontext()
    with update_lock(config.paths.update_lock), others:
        yield
