"""What goes wrong is told in one line, and the exit status says what kind of wrong it was."""

import errno
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ospi_supervisor.cli import main
from ospi_supervisor.system.console import Commands
from tests.commands.conftest import Shell


def ending(error: OSError, name: str = "write") -> tuple[int, str]:
    """The status and the words of a command that ends with `error`."""

    @click.group(cls=Commands)
    def tool() -> None: ...

    @tool.command(name)
    def _() -> None:
        raise error

    result = CliRunner().invoke(tool, [name], prog_name="outil")
    if isinstance(result.exception, OSError):
        raise result.exception
    return result.exit_code, result.stderr


def test_a_command_that_nobody_has_is_told_with_those_that_resemble_it() -> None:
    result = CliRunner().invoke(main, ["statu"])
    assert result.exit_code == 2
    assert "il n'y a pas de commande 'statu'. (Vouliez-vous dire : 'start', 'status' ?)" in result.stderr


def test_a_bundle_for_a_folder_that_does_not_exist_is_refused_in_one_line(shell: Shell, tmp_path: Path) -> None:
    result = shell("diagnostics", tmp_path / "absent" / "x.zip")
    assert result.exit_code == 1
    assert result.stderr == f"ospi-supervisor : {tmp_path}/absent/x.zip : fichier ou dossier introuvable\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), "/root/x : droits insuffisants"),
        (OSError(errno.ENOSPC, "No space left", "/x"), "plus d'espace sur le disque (/x) ; libérez-en"),
        (
            OSError(errno.EIO, "Input/output error"),
            "erreur du système : le disque ne répond plus ou est abîmé",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file", b"/\xff"), "/\\xff : fichier ou dossier introuvable"),
    ],
)
def test_an_error_of_the_system_is_one_line(error: OSError, words: str) -> None:
    status, told = ending(error)
    assert status == 1
    assert told.startswith(f"outil : {words}")
    assert told.count("\n") == 1


def test_a_reader_that_went_away_is_told_nothing() -> None:
    assert ending(BrokenPipeError(errno.EPIPE, "Broken pipe")) == (1, "")


@pytest.mark.parametrize("process", ["web", "worker"])
def test_a_process_keeps_its_traceback_for_the_journal(process: str) -> None:
    with pytest.raises(PermissionError):
        ending(PermissionError(errno.EACCES, "Permission denied", "/var/lib"), process)
