"""The demonstration's web process: one port for the supervisor and, behind the maintenance gate, the portal.

Started by the process manager: `python -m demo.front CONFIG PORTAL_URL`.
"""

import sys
from pathlib import Path

from demo.gate import Gate, Portal
from ospi_supervisor.bootstrap.web import make_app
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.web.serving.server import mount, serve


def main() -> None:
    """Serve until SIGTERM."""
    config = load_config(Path(sys.argv[1]))
    portal = Gate(Portal(sys.argv[2]), config.maintenance.flag, config.maintenance.page_dir)
    app = make_app(config)
    serve(app, config, mount(app, config, portal))


if __name__ == "__main__":
    main()
