"""The systemd units of the two processes, from this server's configuration."""

import sys
from pathlib import Path

from ospi_supervisor.config.tables import Config
from ospi_supervisor.platform.drivers import UNITS_DIR
from ospi_supervisor.platform.templates import template

WEB_UNIT = "ospi-supervisor-web.service"
WORKER_UNIT = "ospi-supervisor-worker.service"
OWN_UNIT = "ospi-supervisor-change.service"
"""Of a server's first instance; `unit_of` names those of the others."""


def unit_of(config: Config, unit: str) -> str:
    """What this instance's `unit` is called."""
    return unit.replace("ospi-supervisor", f"ospi-supervisor{config.suffix}")


def web_account(config: Config) -> str:
    """The account of this instance's web process."""
    return f"ospi-web{config.suffix}"


def render_units(config: Config, config_path: Path) -> dict[str, str]:
    """The text of each unit by its file's name, for `/etc/systemd/system`.

    The worker's children outlive its stop only where services are started by commands: those daemons are its
    children, whereas hooks left behind are ended at its next start anyway.
    """
    paths = config.paths
    by_commands = any(service.systemd is None for service in config.platform.services)
    values = {
        "command": _command(),
        "config_path": config_path,
        "name": config.platform.name,
        "web_account": web_account(config),
        "worker_unit": unit_of(config, WORKER_UNIT),
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
    root = program_root()
    names = (WEB_UNIT, WORKER_UNIT) if root is None else (WEB_UNIT, WORKER_UNIT, OWN_UNIT)
    values["change"] = None if root is None else root / "change"
    return {unit_of(config, unit): template(unit).render(values) for unit in names}


def _outermost(folders: list[Path]) -> list[Path]:
    """The folders that lie in no other of the list, once each."""
    unique = sorted(set(folders))
    return [
        folder for folder in unique if not any(folder != other and folder.is_relative_to(other) for other in unique)
    ]


def _command() -> Path:
    """How the units start the program: through `current`, where it is one of several versions beside each other."""
    root = program_root()
    if root is None:
        return Path(sys.executable).with_name("ospi-supervisor")
    return root / "current" / "bin" / "ospi-supervisor"


def program_root() -> Path | None:
    """Below which folder versions of this program stand beside each other; None where it was installed otherwise."""
    release = Path(sys.prefix).parent  # ROOT/releases/VERSION/venv
    root = release.parents[1]
    return root if release.parent.name == "releases" and (root / "current").is_symlink() else None
