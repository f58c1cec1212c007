"""The demonstration's web process: one port for the supervisor and, behind the maintenance gate, the portal.

Started by the process manager: `python -m demo.front CONFIG PORTAL_URL`.
"""

import sys
from pathlib import Path

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from demo.gate import Gate, Portal
from ospi_supervisor.bootstrap import make_app
from ospi_supervisor.config import load_config
from ospi_supervisor.web.server import serve


def main() -> None:
    """Serve until SIGTERM."""
    config = load_config(Path(sys.argv[1]))
    portal = Gate(Portal(sys.argv[2]), config.maintenance.flag, config.maintenance.page_dir)
    app = make_app(config)
    serve(app, config, DispatcherMiddleware(portal, {config.supervisor.url_prefix: app}))


if __name__ == "__main__":
    main()
