"""The systemd units of the two processes, from this server's configuration."""

import sys
from pathlib import Path

from ospi_supervisor.config import Config
from ospi_supervisor.platform.drivers import UNITS_DIR
from ospi_supervisor.platform.templates import template

WEB_UNIT = "ospi-supervisor-web.service"
WORKER_UNIT = "ospi-supervisor-worker.service"
WEB_ACCOUNT = "ospi-web"


def render_units(config: Config, config_path: Path) -> dict[str, str]:
    """The text of each unit by its file's name, for `/etc/systemd/system`.

    The worker's children outlive its stop only where services are started by commands: those daemons are its
    children, whereas hooks left behind are ended at its next start anyway.
    """
    paths = config.paths
    by_commands = any(service.systemd is None for service in config.platform.services)
    values = {
        "command": Path(sys.executable).with_name("ospi-supervisor"),
        "config_path": config_path,
        "name": config.platform.name,
        "web_account": WEB_ACCOUNT,
        "web_writes": [paths.web_dir, paths.queue_dir],
        "worker_writes": _outermost(
            [
                config.platform.root,
                *config.platform.data_dirs,
                config.backup.directory,
                config.supervisor.state_dir,
                config.maintenance.flag.parent,
                config.maintenance.page_dir,
                UNITS_DIR,
            ]
        ),
        "kill_mode": "process" if by_commands else "mixed",
    }
    return {unit: template(unit).render(values) for unit in (WEB_UNIT, WORKER_UNIT)}


def _outermost(folders: list[Path]) -> list[Path]:
    """The folders that lie in no other of the list, once each."""
    unique = sorted(set(folders))
    return [
        folder for folder in unique if not any(folder != other and folder.is_relative_to(other) for other in unique)
    ]
