"""What the waiting users are told of the end."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ospi_supervisor.config.tables import MaintenanceTable
from ospi_supervisor.domain.events import STATUS_FILE
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.base import PhaseWork, Run
from ospi_supervisor.phases.maintenance import Maintenance
from ospi_supervisor.phases.status_page import Announced
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.system.clock import utc_now


class Told:
    """A switch and a run at once: what is written for users is kept."""

    log_path = Path("/nowhere")
    maintenance_started_at = None

    def __init__(self) -> None:
        self.ends: list[datetime | None] = []

    def write_status(self, **status: Any) -> None:
        self.ends.append(status["expected_end_at"])

    def progress(self, percent: float, message: str = "") -> None:
        """The engine's part."""

    def facts(self, _phase: Phase) -> dict[str, Any]:
        """Nothing was shown, stopped or moved yet."""
        return {}


class Work:
    """A phase that tells once how far it is."""

    def do(self, run: Run) -> dict[str, Any]:
        run.progress(50)
        return {}

    def undo(self, run: Run) -> None:
        run.progress(50)


def test_the_end_that_users_are_told_is_never_over() -> None:
    told = Told()
    asked: list[Phase] = []

    def estimate(phase: Phase) -> datetime:
        asked.append(phase)
        return utc_now() + timedelta(minutes=5 if phase is not Phase.MIGRATE else -1)  # it usually is over by now

    announced = Announced(Phase.MIGRATE, cast(PhaseWork, Work()), cast(MaintenanceSwitch, told), estimate)
    announced.do(cast(Run, told))
    assert asked == [Phase.MIGRATE, Phase.START]
    assert all(end is not None and end > utc_now() for end in told.ends)


def test_the_way_back_is_told_without_an_end() -> None:
    told = Told()
    announced = Announced(Phase.MIGRATE, cast(PhaseWork, Work()), cast(MaintenanceSwitch, told), lambda _: utc_now())
    announced.undo(cast(Run, told))
    assert told.ends == [None, None]


def test_a_phase_cut_before_it_showed_the_page_leaves_no_status(tmp_path: Path) -> None:
    """The first thing a phase does is to tell of itself; its undo has then only that to take back."""
    table = MaintenanceTable(flag=tmp_path / "maintenance", page_dir=tmp_path / "page")
    switch = MaintenanceSwitch(table, cast(Health, None), "Portail BI")
    announced = Announced(Phase.MAINTENANCE, Maintenance(switch, 1), switch, lambda _: None)
    announced.undo(cast(Run, Told()))
    assert not (table.page_dir / STATUS_FILE).exists()
