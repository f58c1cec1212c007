"""All phases, put together: the list of them, in order, is `domain.lifecycle`; each one is the file of its name."""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module

from ospi_supervisor.backup.databases import wait_for_databases
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.lifecycle import Availability, Phase, rule_of
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.phases.base import PhaseWork, Registry, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.status_page import Announced, Estimate
from ospi_supervisor.platform.hooks import kill_leftovers
from ospi_supervisor.platform.reboot import shutting_down


def make_registry(
    parts: Adapters,
    *,
    clock: Callable[[], datetime],
    measure: Callable[[Room], MachineFacts],
    expected_end: Estimate,
    forget_archive: Callable[[Run], None],
    pardon: Callable[[str, str, int], str | None] = lambda *_: None,
) -> Registry:
    """All phases, put together."""
    config = parts.config
    of = Parts(**vars(parts), clock=clock, measure=measure, forget_archive=forget_archive, pardon=pardon)
    works = {phase: _work(phase, of) for phase in Phase}
    for phase, work in works.items():
        if rule_of(phase).availability is Availability.PAGE:
            works[phase] = Announced(phase, work, parts.switch, expected_end)

    def before_recovery(services_stopped: bool) -> None:
        wait_for_databases(parts.databases, config.platform.health_timeout)
        kill_leftovers(parts.releases.root)
        parts.invitations.withdraw()
        if services_stopped:
            parts.services.ensure_stopped()
            parts.health.wait_for_silence()

    def show_page() -> None:
        parts.switch.prepare()
        parts.switch.on()

    return Registry(
        works, before_recovery, parts.reboot.held, shutting_down, show_page, config.validation.without_decision
    )


def _work(phase: Phase, parts: Parts) -> PhaseWork:
    """Each phase is the file of its name in this room, whose `make` puts it together."""
    make: Callable[[Parts], PhaseWork] = import_module(f"{__package__}.{phase}").make
    return make(parts)
