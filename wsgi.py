"""The WSGI entry point: `wsgi:application`, for any WSGI server. `ospi-supervisor web` serves the same with waitress.

The configuration is the file that OSPI_SUPERVISOR_CONFIG names, by default /etc/ospi-supervisor/supervisor.toml.
"""

import os
from pathlib import Path

from ospi_supervisor.bootstrap import make_app
from ospi_supervisor.config import DEFAULT_PATH, load_config
from ospi_supervisor.web.server import mount

config = load_config(Path(os.environ.get("OSPI_SUPERVISOR_CONFIG", DEFAULT_PATH)))
application = mount(make_app(config), config)
