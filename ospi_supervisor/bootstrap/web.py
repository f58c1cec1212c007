"""The web process."""

from flask import Flask

from ospi_supervisor.bootstrap.operations import make_diagnostics, make_operations
from ospi_supervisor.config.tables import Config
from ospi_supervisor.system.journal import log_to_stdout
from ospi_supervisor.web import create_app
from ospi_supervisor.web.serving.server import serve


def make_app(config: Config) -> Flask:
    """The web application."""
    operations = make_operations(config)
    return create_app(config, operations, make_diagnostics(config, operations.reader, operations.status).bundle)


def run_web(config: Config) -> None:
    """Serve the web application until SIGTERM."""
    log_to_stdout()
    serve(make_app(config), config)
