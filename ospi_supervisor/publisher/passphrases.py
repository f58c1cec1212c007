"""Which private keys a command may open, and by which passphrase.

A key is encrypted or not, file by file; its passphrase is asked for, or read from a file. Keys may lie on devices of
their own, a folder a role or a person: such folders are looked into before the key folder itself.
"""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ospi_supervisor.errors import RefusedError


@dataclass(frozen=True, kw_only=True)
class Access:
    """What the options of the command that is running say."""

    passphrase_file: Path | None = None
    folders: tuple[Path, ...] = ()
    encrypts_new_keys: bool = False


_NONE = Access()
_access: ContextVar[Access] = ContextVar("access", default=_NONE)


def key_folders() -> tuple[Path, ...]:
    """The folders with private keys that were named beside the key folder."""
    return _access.get().folders


def passphrase_of(key: Path) -> bytes:
    """The passphrase of the encrypted private key `key`; RefusedError where nobody can be asked."""
    if file := _access.get().passphrase_file:
        return _read(file)
    if not sys.stdin.isatty():
        raise RefusedError(f"la clé {key} est chiffrée ; donnez sa phrase de passe par « --passphrase-file »")
    return str(click.prompt(f"Phrase de passe de {key}", hide_input=True, err=True)).encode()


def passphrase_for_new_keys() -> bytes | None:
    """What new private keys are encrypted by, None where they are not."""
    access = _access.get()
    if not access.encrypts_new_keys:
        return None
    if access.passphrase_file:
        return _read(access.passphrase_file)
    if not sys.stdin.isatty():
        raise RefusedError("donnez la phrase de passe des nouvelles clés par « --passphrase-file »")
    return str(click.prompt("Phrase de passe", hide_input=True, confirmation_prompt=True, err=True)).encode()


def _read(file: Path) -> bytes:
    passphrase = file.read_bytes().rstrip(b"\r\n")
    if not passphrase:
        raise RefusedError(f"{file} ne contient pas de phrase de passe")
    return passphrase


_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fichier d'une ligne : la phrase de passe des clés chiffrées, sinon demandée.",
)
_FOLDERS = click.option(
    "--private",
    "private_folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Dossier de clés privées (une clé USB, par exemple), outre celui de « --keys ».",
)
_ENCRYPT = click.option("--encrypt", is_flag=True, help="Chiffre les nouvelles clés privées par une phrase de passe.")


def opens_keys(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that signs its options, which hold while it runs."""

    @wraps(command)
    def run(
        *args: Any,
        passphrase_file: Path | None,
        private_folders: tuple[Path, ...],
        encrypt: bool = False,
        **kwargs: Any,
    ) -> None:
        access = Access(passphrase_file=passphrase_file, folders=private_folders, encrypts_new_keys=encrypt)
        token = _access.set(access)
        try:
            command(*args, **kwargs)
        finally:
            _access.reset(token)

    return _PASSPHRASE(_FOLDERS(run))


def makes_keys(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that makes keys."""
    return _ENCRYPT(opens_keys(command))
