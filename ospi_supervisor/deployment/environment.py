"""The environment that the contract promises to hooks."""

from ospi_supervisor.backup.databases import hook_environment
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases


def environment_of_hooks(
    config: Config, releases: Releases, *, from_version: str, to_version: str, update_id: int
) -> dict[str, str]:
    """What hooks of the update from one version to another are started with. BackupError where a password file cannot
    be read."""
    platform = config.platform
    return {
        "OSPI_PRODUCT": platform.product,
        "OSPI_FROM_VERSION": from_version,
        "OSPI_TO_VERSION": to_version,
        "OSPI_RELEASE_DIR": str(releases.path(to_version)),
        "OSPI_PREVIOUS_RELEASE_DIR": str(releases.path(from_version)),
        "OSPI_DATA_DIRS": ":".join(str(folder) for folder in platform.data_dirs),
        "OSPI_UPDATE_ID": str(update_id),
        **hook_environment(platform.databases),
    }
