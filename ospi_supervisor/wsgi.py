"""The WSGI entry point for any WSGI server: `wsgi:application` in a checkout, `ospi_supervisor.wsgi:application` once
installed. `ospi-supervisor web` serves the same with waitress.

The configuration is the file that OSPI_SUPERVISOR_CONFIG names, by default /etc/ospi-supervisor/supervisor.toml.
"""

import os
from pathlib import Path

from ospi_supervisor.bootstrap.web import make_app
from ospi_supervisor.config.paths import DEFAULT_PATH
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.domain.command_line import speak_as
from ospi_supervisor.web.serving.server import mount

config = load_config(Path(os.environ.get("OSPI_SUPERVISOR_CONFIG", DEFAULT_PATH)))
speak_as(config.supervisor.instance or "")
application = mount(make_app(config), config)
