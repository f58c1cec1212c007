"""What an update of this server depends on, as it is now: what `check` finds, and what the machine is."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ospi_supervisor import __version__
from ospi_supervisor.administration.checks import OF_UPDATES, run_checks
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.attempts import Conditions, DiskRoom
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.prerequisites import Requirements, Verdict, judge
from ospi_supervisor.platform.machine import boot_id, measure
from ospi_supervisor.platform.units import program_root


def conditions_of(config: Config, adapters: Adapters) -> Conditions:
    """The conditions of now. It may take seconds: databases and health are asked."""
    folders = {config.platform.root, config.backup.directory, config.supervisor.state_dir, *config.platform.data_dirs}
    folders |= {program} if (program := program_root()) else set()
    disks = {str(folder): _room(folder) for folder in sorted(folders) if folder.is_dir()}
    return Conditions(facts=frozenset(_facts(config, adapters)), disks=disks)


def _facts(config: Config, adapters: Adapters) -> Iterator[str]:
    yield f"supervisor {__version__}"
    yield f"boot {boot_id()}"
    if config.file is not None:
        yield f"configuration {hashlib.sha256(config.file.read_bytes()).hexdigest()}"
    facts = measure(config, adapters.releases.current())
    yield f"system {facts.os_name}, {facts.cores}, {facts.memory}"
    for judgement in judge(facts, Requirements(), config.prerequisites):
        if judgement.verdict is Verdict.REFUSED:  # what is measured changes every day, the verdict does not
            yield f"{judgement.rule} {judgement.label}"
    for finding in run_checks(config, adapters, OF_UPDATES):
        if finding.level is not Grade.OK:
            yield f"{finding.check} {finding.message}"


def _room(folder: Path) -> DiskRoom:
    found = os.statvfs(folder)
    return DiskRoom(free=found.f_bavail * found.f_frsize, size=found.f_blocks * found.f_frsize)
