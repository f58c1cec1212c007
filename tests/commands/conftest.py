"""`ospi-supervisor`, run in this process on a supervisor without its worker."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from ospi_supervisor.cli import main
from tests.support.site import Site

Shell = Callable[..., Result]


@pytest.fixture
def shell(site: Site) -> Shell:
    """Runs a command, `input` on its standard input."""

    def run(*arguments: object, input: str = "") -> Result:  # noqa: A002 - click's word
        command = ["--config", str(site.config_path), *(str(argument) for argument in arguments)]
        return CliRunner().invoke(main, command, prog_name="ospi-supervisor", input=input)

    return run
