"""Where the state lies, file by file."""

from functools import cache
from pathlib import Path

DEFAULT_PATH = Path("/etc/ospi-supervisor/supervisor.toml")
"""Where the configuration is looked for."""

INSTANCE = r"^(?!maintenance)(?!(web|worker)\Z)(?!.*-\Z)[a-z0-9][a-z0-9-]{0,16}\Z"
"""The names of instances: with them, names of accounts are no longer than 26 characters, and no unit is another's."""


def path_of_instance(name: str) -> Path:
    """Where the configuration of that instance lies."""
    return Path(f"/etc/ospi-supervisor-{name}/supervisor.toml")


class StatePaths:
    """The state folder: who writes what (design, section 2).

    `engine/` is the worker's and the web account may read it; `web/` is the web process's; both write
    to `queue/`, which carries request numbers only.
    """

    def __init__(self, state_dir: Path) -> None:
        self.root = state_dir
        self.engine_dir = state_dir / "engine"
        self.engine_db = self.engine_dir / "engine.db"
        self.update_lock = self.engine_dir / "update.lock"
        self.reserve = self.engine_dir / "reserve"
        self.hold = self.engine_dir / "hold"
        self.records_dir = self.engine_dir / "releases"
        self.trust_dir = self.engine_dir / "trust"
        self.logs_dir = self.engine_dir / "logs"
        self.repository_dir = self.engine_dir / "automatic" / "metadata"
        self.fetched_dir = self.engine_dir / "automatic" / "archives"
        self.notices_dir = self.engine_dir / "notices"
        self.web_dir = state_dir / "web"
        self.web_db = self.web_dir / "web.db"
        self.secret_key = self.web_dir / "secret_key"
        self.uploads_dir = self.web_dir / "uploads"
        self.queue_dir = state_dir / "queue"
        self.queue_db = self.queue_dir / "huey.db"


@cache
def state_paths(state_dir: Path) -> StatePaths:
    """Those of that folder; they are asked for at every turn, fifty times by a page with as many rows."""
    return StatePaths(state_dir)
