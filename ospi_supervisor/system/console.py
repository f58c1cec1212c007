"""What the two command lines share: errors as one clear line, and the exit statuses of the contract."""

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from ospi_supervisor.errors import SupervisorError, in_words, printable

HELP = {"help_option_names": ["-h", "--help"]}
"""For the outermost group: its commands inherit it."""

PROCESSES = frozenset({"web", "worker"})
"""Commands that run for ever: an error of the system that ends one leaves its whole traceback in the journal."""

_REASONS = {
    errno.ENOENT: "fichier ou dossier introuvable",
    errno.EACCES: "droits insuffisants",
    errno.EPERM: "droits insuffisants",
    errno.EEXIST: "ce nom est déjà pris",
    errno.EISDIR: "c'est un dossier",
    errno.ENOTDIR: "ce n'est pas un dossier",
    errno.ENAMETOOLONG: "nom trop long",
    errno.EROFS: "ce disque est en lecture seule",
}

FRENCH = {
    "Aborted!": "Abandonné.",
    "Argument {name!r} takes {nargs} values.": "l'argument {name!r} demande {nargs} valeurs.",
    "Choose from:\n\t{choices}": "Au choix :\n\t{choices}",
    "Commands": "Commandes ",
    "Did you mean {possibility}?": "Vouliez-vous dire {possibility} ?",
    "(Did you mean one of: {possibilities}?)": "(Vouliez-vous dire : {possibilities} ?)",
    "Error: The two entered values do not match.": "Les deux saisies diffèrent.",
    "Error: {message}": "Erreur : {message}",
    "Got unexpected extra argument ({args})": "argument en trop : {args}",
    "Got unexpected extra arguments ({args})": "arguments en trop : {args}",
    "Invalid value for {param_hint}: {message}": "valeur refusée pour {param_hint} : {message}",
    "Invalid value: {message}": "valeur refusée : {message}",
    "Missing argument": "il manque l'argument",
    "Missing command.": "il manque la commande.",
    "Missing option": "il manque l'option",
    "No such command {name!r}.": "il n'y a pas de commande {name!r}.",
    "No such option {name!r}.": "il n'y a pas d'option {name!r}.",
    "Option {name!r} does not take a value.": "l'option {name!r} ne prend pas de valeur.",
    "Option {name!r} requires an argument.": "l'option {name!r} demande une valeur.",
    "Options": "Options ",
    "Repeat for confirmation": "Encore une fois, pour confirmer",
    "Show the version and exit.": "Dire la version, et rien d'autre.",
    "Show this message and exit.": "Montrer cette aide, et rien d'autre.",
    "Try '{command} {option}' for help.": "« {command} {option} » donne de l'aide.",
    "Usage:": "Utilisation :",
    "default: {default}": "par défaut : {default}",
    "directory": "dossier",
    "file": "fichier",
    "path": "chemin",
    "required": "obligatoire",
    "{name} {filename!r} does not exist.": "{name} {filename!r} introuvable.",
    "{name} {filename!r} is a directory.": "{filename!r} est un dossier.",
    "{name} {filename!r} is a file.": "{filename!r} est un fichier.",
    "{name} {filename!r} is not readable.": "{name} {filename!r} illisible : droits insuffisants.",
    "{value!r} does not match the format {format}.": "{value!r} n'a pas la forme {format}.",
    "{value!r} is not a valid {number_type}.": "{value!r} n'est pas un nombre entier.",
    "{value} is not in the range {range}.": "{value} n'est pas dans l'intervalle {range}.",
    "{value!r} is not one of {choices}.": "{value!r} n'est pas l'un de {choices}.",
}
"""The messages of click that our commands can show. One that is not here stays in English."""


def speak_french() -> None:
    """Give click its French words; to be called before commands are declared, which is when some are looked up.

    Each of its modules looks messages up by the name `_` that it imports from gettext, which itself would follow the
    locale's variables and want catalogues on disk: on a server under LANG=C there would be no French.
    """
    for name in ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types"):
        vars(import_module(f"click.{name}")).update(_=_french, ngettext=_french_number)


def _french(message: str) -> str:
    return FRENCH.get(message, message)


def _french_number(one: str, many: str, count: int) -> str:
    return _french(one if count < 2 else many)


class ErrorLine(click.ClickException):
    """An error as one line on standard error; exit status 1."""

    def __init__(self, program: str | None, message: str) -> None:
        super().__init__(printable(message))
        self.program = program

    def show(self, file: Any = None) -> None:
        """Write `PROGRAM: MESSAGE`."""
        click.echo(f"{self.program} : {self.message}", err=True)


class Commands(click.Group):
    """A group whose commands' errors end as one line: 0 done, 1 refused or failed, 2 wrong usage."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, str] = MappingProxyType({}), **options: Any) -> None:
        """`lazy` says where commands are, as `module:function` by name: each is loaded when it is asked for."""
        super().__init__(*arguments, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in order."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None where there is none, and then all are loaded: click says which was meant."""
        for name in {cmd_name} & self._lazy.keys() or self._lazy:
            if name not in self.commands:
                module, _, function = self._lazy[name].partition(":")
                self.add_command(getattr(import_module(module), function), name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; SupervisorError becomes its line, and so does a file that cannot be read or written."""
        try:
            return super().invoke(ctx)
        except SupervisorError as error:
            raise ErrorLine(ctx.find_root().info_name, str(error)) from error
        except KeyboardInterrupt as error:
            raise ErrorLine(ctx.find_root().info_name, "interrompu avant la fin") from error
        except OSError as error:
            # A reader that went away (EPIPE) is click's: it ends without a word.
            if error.errno == errno.EPIPE or ctx.invoked_subcommand in PROCESSES:
                raise
            raise ErrorLine(ctx.find_root().info_name, _of_the_system(error)) from error


def _of_the_system(error: OSError) -> str:
    """The file and what is wrong with it, where that is plain; otherwise as everywhere."""
    if error.errno not in _REASONS or not isinstance(error.filename, str | bytes):
        return in_words(error)
    return printable(f"{os.fsdecode(error.filename)} : {_REASONS[error.errno]}")


def is_agreed() -> bool:
    """Whether who is at the terminal wants to go on; without an answer, no."""
    return bool(click.prompt("Continuer ? [o/N]", "n", value_proc=_means_yes, prompt_suffix=" : ", show_default=False))


def _means_yes(answer: str) -> bool:
    word = answer.strip().lower()
    if word in ("o", "oui", "y", "yes"):
        return True
    if word in ("n", "non", "no"):
        return False
    raise click.BadParameter("répondez o (oui) ou n (non).")


def read_password() -> str:
    """A password, typed twice at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Mot de passe", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
