"""Each phase is the file of its name."""

from collections.abc import Callable
from datetime import UTC, datetime

from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.lifecycle import Availability, Phase, rule_of
from ospi_supervisor.phases.registry import make_registry
from ospi_supervisor.phases.status_page import Announced
from ospi_supervisor.platform.machine import measure


def test_every_phase_of_the_table_is_put_together(answering: Callable[..., Config]) -> None:
    config = answering()
    adapters = make_adapters(config)
    registry = make_registry(
        adapters,
        clock=lambda: datetime.now(UTC),
        measure=lambda room: measure(config, adapters.releases.current(), room),
        expected_end=lambda phase: None,
        forget_archive=lambda run: None,
    )
    assert list(registry.works) == list(Phase)
    announced = {phase for phase, work in registry.works.items() if isinstance(work, Announced)}
    assert announced == {phase for phase in Phase if rule_of(phase).availability is Availability.PAGE}
    for phase, work in registry.works.items():
        inner = work.work if isinstance(work, Announced) else work
        assert type(inner).__module__ == f"ospi_supervisor.phases.{phase}"
