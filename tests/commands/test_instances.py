"""`--instance`: whose configuration is meant, and that it is that one's."""

import ast
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ospi_supervisor.cli import main
from ospi_supervisor.commands.context import Invocation
from ospi_supervisor.config.paths import path_of_instance
from ospi_supervisor.domain.command_line import command_line, speak_as, speaking, unit
from ospi_supervisor.errors import ConfigurationError
from tests.commands.conftest import Shell
from tests.support.site import Archives, Site

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "supervisor.example.toml"
ADVISED = re.compile(r"ospi-supervisor [a-z]|start ospi-supervisor")


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


@pytest.fixture
def of_rh(site: Site) -> Site:
    """The supervisor is the instance « rh »."""
    text = site.config_path.read_text(encoding="utf-8")
    site.config_path.write_text(text.replace("[supervisor]\n", '[supervisor]\ninstance = "rh"\n'), encoding="utf-8")
    return site


@pytest.mark.usefixtures("of_rh")
def test_words_name_the_instance_in_the_commands_that_they_advise(shell: Shell, archives: Archives) -> None:
    assert "« ospi-supervisor-rh history » les liste" in shell("follow", "9").stderr
    assert "« systemctl start ospi-supervisor-rh-worker »" in shell("status").stderr
    assert "« ospi-supervisor-rh follow »" in shell("import", archives.good, "--notice-read").stdout
    assert command_line("follow") == "ospi-supervisor follow", "once the command has ended"


def test_what_has_no_name_is_not_named() -> None:
    with speaking():
        assert (command_line("log 1"), unit("web")) == ("ospi-supervisor log 1", "ospi-supervisor-web")
        speak_as("rh")
        assert (command_line("log 1"), unit("web")) == ("ospi-supervisor-rh log 1", "ospi-supervisor-rh-web")
    assert command_line("log 1") == "ospi-supervisor log 1"


def test_no_words_advise_a_command_without_its_instance() -> None:
    found = [f"{path}: {text}" for path in (ROOT / "ospi_supervisor").rglob("*.py") for text in words_of(path)]
    found += [str(path) for path in (ROOT / "templates").rglob("*.html") if ADVISED.search(path.read_text("utf-8"))]
    assert [text for text in found if ADVISED.search(text)] == []


def words_of(path: Path) -> list[str]:
    """What a module may say: its texts, without those that explain it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in explained)
    return [node.value for node in texts if isinstance(node.value, str)]
