"""Where data and the supervisor's own files may lie: never in a release, which is switched away from and deleted."""

import os
from collections.abc import Iterator
from pathlib import Path

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.config import Config
from ospi_supervisor.errors import ConfigurationError


def check_nothing_precious_in_releases(config: Config) -> None:
    """ConfigurationError where data, backups, state or the maintenance page lie in a release: they would vanish.

    A path through `current` is one too, whatever `current` is today: a plain folder, which `adopt` turns into a
    release, or a link.
    """
    root = config.platform.root
    perishable = {place for folder in (root / "releases", root / "current") for place in _places(folder)}
    for path in _precious(config):
        if any(place.is_relative_to(folder) for place in _places(path) for folder in perishable):
            raise ConfigurationError(
                f"{path} est dans une version ({root / 'releases'}, ou {root / 'current'}) et disparaîtrait avec elle ;"
                " déplacez-le ailleurs, puis corrigez la configuration"
            )


def _precious(config: Config) -> Iterator[Path]:
    yield from config.platform.data_dirs
    for database in make_databases(config.platform.databases):
        yield from sorted(database.files())
    yield config.backup.directory
    yield config.supervisor.state_dir
    yield config.maintenance.flag
    yield config.maintenance.page_dir


def _places(path: Path) -> set[Path]:
    """The path as it is written, and where it leads."""
    return {Path(os.path.abspath(path)), path.resolve()}  # noqa: PTH100 - links are not to be resolved here
