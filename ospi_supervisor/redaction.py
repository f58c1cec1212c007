"""Takes secrets out of text that leaves the server."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from ospi_supervisor.config import Config
from ospi_supervisor.files import open_regular

MASK = "***"
MAX_SECRET_BYTES = 64 * 1024
_NAME = (
    r"(?:password|passwd|passphrase|mot[_ -]de[_ -]passe|(?<![a-z])mdp|secret|token|(?:api|access|private)[_-]?key)"
    r"(?:[_-](?!(?:file|dir|path)\b)[a-z0-9]++)*+"  # SECRET_KEY holds one; password_file only says where it is
)
_ASSIGNED = r"""\\*["']?\s*(?:=>|[=:])\s*"""
# To the quote that it began with, at whatever depth of JSON within JSON, or to the line's end; else one word, and the
# comma that follows is not part of it.
_VALUE = r"""(?:(?P<quote>\\*["'])[^\n]*?(?:(?<!\\)(?P=quote)|$)|[^\s"',](?:[^\s"']*[^\s"',])?)"""
_IN_AN_ADDRESS = re.compile(r"(://[^\s/:@]*:)[^\s/]*@")  # a careless password may hold an @ itself
_PATTERNS = tuple(
    re.compile(f"(?im)(?P<before>{before}){_VALUE}")
    for before in (
        rf"""{_NAME}(?:{_ASSIGNED}|\s+(?=\\*["']))""",  # NAME=value, "NAME": "value", SQL's PASSWORD 'value'
        rf"(?:--{_NAME}|bearer)\s+",
        rf"authorization{_ASSIGNED}(?:[a-z]+\s+)?",
    )
)


class Redactor:
    """Replaces known secrets, and whatever looks like one, in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        self._known = sorted(known, key=len, reverse=True)  # one secret may begin with another

    def clean(self, text: str) -> str:
        """The text without them."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        text = _IN_AN_ADDRESS.sub(rf"\1{MASK}@", text)
        for pattern in _PATTERNS:
            text = pattern.sub(_masked, text)
        return text


def redactor_of(config: Config) -> Redactor:
    """One that knows every secret of this configuration that can be read here, as it is now."""
    document = msgspec.to_builtins(config, enc_hook=str)
    return Redactor(secrets_in([*secret_files(document), config.paths.secret_key]))


def secrets_in(files: Iterable[Path]) -> Iterator[str]:
    """The contents of secret files, line by line. One that cannot be read here cannot have been printed from here."""
    for path in files:
        try:
            with open_regular(path) as file:  # the web process's own lies where it can put anything
                yield from file.read(MAX_SECRET_BYTES).decode("utf-8", errors="replace").split("\n")
        except OSError:
            continue


def secret_files(document: Any) -> Iterator[Path]:
    """Every file that a configuration (plain values) names in a key ending in `_file`, as all its secrets are."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key.endswith("_file") and value is not None:
                yield Path(value)
            else:
                yield from secret_files(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from secret_files(value)


def _masked(found: re.Match[str]) -> str:
    quote_mark = found["quote"] or ""
    return f"{found['before']}{quote_mark}{MASK}{quote_mark}"


def _spellings(secret: str) -> set[str]:
    """As it stands, in a JSON text, and in an address."""
    bare = secret.strip()
    return {bare, json.dumps(bare, ensure_ascii=False)[1:-1], json.dumps(bare)[1:-1], quote(bare, safe="")} - {""}
