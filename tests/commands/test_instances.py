"""`--instance`: whose configuration is meant, and that it is that one's."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ospi_supervisor.cli import main
from ospi_supervisor.commands.context import Invocation
from ospi_supervisor.config.paths import path_of_instance
from ospi_supervisor.errors import ConfigurationError

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "supervisor.example.toml"


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    done = CliRunner().invoke(main, arguments)
    return done.exit_code, done.output


def test_the_configuration_is_looked_for_in_the_instances_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSPI_SUPERVISOR_CONFIG", str(EXAMPLE))
    done = CliRunner().invoke(main, ["--instance", "personne", "status"])
    assert "/etc/ospi-supervisor-personne/supervisor.toml" in str(done.exception) + done.output


def test_two_configurations_are_one_too_many() -> None:
    code, output = said("--config", str(EXAMPLE), "--instance", "pmsi", "status")
    assert (code, "gardez l'une" in output) == (2, True)


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "maintenance", "web", "worker", "x" * 18, "a/b", ""])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    assert said("--instance", name, "status")[0] == 2


def test_another_instances_configuration_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "supervisor.toml"
    config.write_text(EXAMPLE.read_text(encoding="utf-8").replace("[supervisor]\n", '[supervisor]\ninstance = "rh"\n'))
    with pytest.raises(ConfigurationError, match="n'est pas la configuration de l'instance « pmsi »"):
        _ = Invocation(config, "pmsi").config
    assert Invocation(config, "rh").config.suffix == "-rh"
    assert Invocation(config).config.suffix == "-rh"
    assert path_of_instance("rh") == Path("/etc/ospi-supervisor-rh/supervisor.toml")
