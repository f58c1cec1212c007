"""Where data and the supervisor's own files may lie: data never in a release, which is switched away from and deleted,
and what the supervisor knows in neither, since a way back replaces data."""

import os
from collections.abc import Iterator
from pathlib import Path

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.config.tables import Config, named_paths
from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.system.mounts import mounted_below


def check_places(config: Config) -> None:
    """ConfigurationError where something lies in what an update replaces."""
    _check_nothing_precious_in_releases(config)
    for folder in map(Path.resolve, config.platform.data_dirs):
        for path in (config.supervisor.state_dir, config.maintenance.page_dir, config.maintenance.flag):
            if path.resolve().is_relative_to(folder):
                raise ConfigurationError(
                    f"{path} est dans les données ({folder}), que le retour en arrière remplace ; déplacez-le ailleurs,"
                    " puis corrigez la configuration"
                )


def _check_nothing_precious_in_releases(config: Config) -> None:
    """ConfigurationError where the configuration, or anything that it names, or a mounted disk lies in a release.

    It would vanish with it.

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
    if mounted := [place for version in _releases(root) for place in mounted_below(version)]:
        raise ConfigurationError(
            f"un disque est monté dans une version ({mounted[0]}) : la suivante ne l'aurait pas ; montez-le hors de"
            f" {root / 'releases'}, et faites-y mener la plateforme par sa propre configuration"
        )


def _releases(root: Path) -> list[Path]:
    """The folders of releases, and what `current` is before the first one is adopted."""
    folder = root / "releases"
    return [root / "current", *(folder.iterdir() if folder.is_dir() else ())]


def _precious(config: Config) -> Iterator[Path]:
    yield from (path for key, path in named_paths(config) if key != "platform.root")
    for database in make_databases(config.platform.databases):
        yield from sorted(database.files())


def _places(path: Path) -> set[Path]:
    """The path as it is written, and where it leads."""
    return {Path(os.path.abspath(path)), path.resolve()}  # noqa: PTH100 - links are not to be resolved here
