"""What click says by itself is in French as well."""

import ast
import re
from pathlib import Path

import click
import pytest

from ospi_supervisor.domain.proxies import KINDS
from ospi_supervisor.system.console import FRENCH
from tests.commands.conftest import Shell


def test_every_message_is_one_of_clicks() -> None:
    """Otherwise another version of click speaks English again without anybody knowing."""
    messages = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                messages |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    assert set(FRENCH) - messages <= {"required"}  # that one is looked up by a name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["log"], "Erreur : il manque l'argument 'ID'."),
        (["log"], "Utilisation : ospi-supervisor log [OPTIONS] ID"),
        (["log"], "« ospi-supervisor log --help » donne de l'aide."),
        (["log", "abc"], "Erreur : valeur refusée pour 'ID' : 'abc' n'est pas un nombre entier."),
        (["log", "1", "2"], "Erreur : argument en trop : 2"),
        (["import", "/nope"], "Fichier '/nope' introuvable."),
        (["import", "."], "'.' est un dossier."),
        (["logs"], "il n'y a pas de commande 'logs'."),
        (["status", "--jsn"], "il n'y a pas d'option '--jsn'."),
        (["proxy", "iis"], f"'iis' n'est pas l'un de {', '.join(map(repr, KINDS))}."),
        (["proxy"], "il manque l'argument"),
        (["user", "add", "zoé", "--group"], "l'option '--group' demande une valeur."),
    ],
)
def test_wrong_usage_is_told_in_french(shell: Shell, arguments: list[str], words: str) -> None:
    result = shell(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Error" not in result.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("import", "[OPTIONS] FICHIER"),
        ("user add", "--group GROUPE"),
        ("user password", "[OPTIONS] NOM"),
        ("user remove", "Retirer le compte NOM"),
        ("adopt", "--writable DOSSIER"),
        ("systemd", "[OPTIONS] [DOSSIER]"),
        ("auto set", " VALEUR"),
        ("auto put-off", "--reason RAISON"),
        ("announce", "--minutes MINUTES"),
        ("backup export", "[OPTIONS] ID FICHIER"),
        ("diagnostics", "[OPTIONS] FICHIER.zip"),
    ],
)
def test_what_a_command_takes_is_named_in_french(shell: Shell, command: str, words: str) -> None:
    told = shell(*command.split(), "--help").stdout
    assert words in told
    assert not re.search(r"\b(FILE|NAME|FOLDER|VALUE|TEXT|INTEGER)\b", told)


def test_help_is_in_french(shell: Shell) -> None:
    told = shell("--help").stdout
    for words in ("Utilisation :", "Options :", "Commandes :", "Montrer cette aide", "[par défaut : /etc/"):
        assert words in told
    assert "Show" not in told
