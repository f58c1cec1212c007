"""The rehearsal of an archive from root's shell."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ospi_supervisor.administration.rehearsing import PLAYED, Rehearsing
from ospi_supervisor.bootstrap.administration import make_adapters, make_administration, make_folders
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.tried import Tried
from ospi_supervisor.domain.rehearsal import Mode
from ospi_supervisor.phases.registry import make_registry
from ospi_supervisor.platform.machine import measure
from ospi_supervisor.system.clock import utc_now


def make_rehearsing(config: Config) -> Rehearsing:
    """With rehearsals on, whatever the configuration says of updates."""
    asked = msgspec.structs.replace(config.rehearsal, mode=Mode.WHEN_POSSIBLE)
    config = msgspec.structs.replace(config, rehearsal=asked)
    make_folders(config)
    administration, adapters = make_administration(config), make_adapters(config)
    registry = make_registry(
        adapters,
        clock=utc_now,
        measure=lambda room: measure(config, adapters.releases.current(), room),
        expected_end=lambda _: None,
        forget_archive=lambda _: None,
    )

    @contextmanager
    def ours() -> Iterator[None]:
        administration.check_nothing_prepared()
        with administration.platform_to_ourselves():
            yield

    return Rehearsing(
        works={phase: registry.works[phase] for phase in PLAYED},
        ours=ours,
        tried=Tried(config.paths, adapters.releases, adapters.snapshots),
        paths=config.paths,
        installed_version=adapters.releases.current,
        clock=utc_now,
    )
