"""The order by which one version of the program takes the other's place, and its outcome, as files."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from distribution.payload import HERE
from ospi_supervisor.config.tables import Config
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform.own_program import OwnProgram, own_program


@pytest.fixture
def program(make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnProgram:
    """This program in version 1.0, beside whose other versions a folder `change` may lie."""
    release = tmp_path / "releases" / "1.0"
    (release / "bin").mkdir(parents=True)
    (release / "bin" / "change-version").write_bytes((HERE / "release" / "bin" / "change-version").read_bytes())
    (tmp_path / "current").symlink_to("releases/1.0")
    monkeypatch.setattr("sys.prefix", str(release / "venv"))
    found = own_program(make_config())
    assert found is not None
    assert found.root == tmp_path
    return found


def test_a_checkout_has_none(make_config: Callable[..., Config]) -> None:
    assert own_program(make_config()) is None


def test_an_order_is_what_a_shell_reads(program: OwnProgram) -> None:
    program.order(7, "1.0", "1'1 $(touch x)")
    assert program.is_ordered()
    assert program.outcome(7) is None
    script = '. "$1"; printf "%s|" "$update" "$before" "$after" "$own_units"'
    said = subprocess.run(
        ["sh", "-euc", script, "sh", program.root / "change" / "order"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "7|1.0|1'1 $(touch x)|ospi-supervisor-worker.service ospi-supervisor-web.service|"
    assert (program.root / "change" / "run").read_bytes() == (HERE / "release" / "bin" / "change-version").read_bytes()
    assert (program.root / "change").stat().st_mode & 0o077 == 0


def test_an_outcome_is_that_of_its_order_alone(program: OwnProgram) -> None:
    program.order(7, "1.0", "1.1")
    (program.root / "change" / "outcome").write_text("7\nback\nla version 1.1 n'a pas répondu\n")
    assert program.outcome(7) is None, "still ordered: the marks are not tidied away"
    program.withdraw()
    outcome = program.outcome(7)
    assert outcome is not None
    assert outcome.reason == "la version 1.1 n'a pas répondu"
    assert program.outcome(8) is None
    (program.root / "change" / "outcome").write_text("7\ndone\n\n")
    done = program.outcome(7)
    assert done is not None
    assert done.reason is None


def test_what_an_earlier_change_left_does_not_count(program: OwnProgram) -> None:
    program.order(7, "1.0", "1.1")
    for mark in ("copied", "back", "outcome"):
        (program.root / "change" / mark).write_text("7\nback\nx\n")
    program.order(7, "1.0", "1.1")
    assert {path.name for path in (program.root / "change").iterdir()} == {"order", "run"}


def test_a_server_without_systemctl_is_told(program: OwnProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PlatformError, match="lancez plutôt le fichier d'installation"):
        program.check()


def test_a_program_that_cannot_be_prepared_says_why(program: OwnProgram) -> None:
    hooks = program.root / "releases" / "1.1" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "10-programme").write_text("#!/bin/sh\necho pas de paquets >&2\nexit 1\n")
    (hooks / "10-programme").chmod(0o755)
    with pytest.raises(PlatformError, match="pas de paquets"):
        program.prepare("1.1")
