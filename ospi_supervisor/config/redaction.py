"""Takes secrets out of text that leaves the server."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec

from ospi_supervisor.config.tables import Config
from ospi_supervisor.system.files import open_regular

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

_SIGNS: Mapping[str, tuple[str, ...]] = {
    "pass": ("passw", "passphrase", "de passe", "de_passe", "de-passe"),
    "key": tuple(f"{kind}{mark}key" for kind in ("api", "access", "private") for mark in ("", "_", "-")),
    **dict.fromkeys(("mdp", "secret", "token", "bearer", "authorization"), ()),
}
"""Nothing that `_PATTERNS` look for is in a text that has none of these, or of the first ones none of the words behind
them: a look at them costs a tenth of the patterns."""

_PIECE = 4096
"""So many characters, and what is left of their last line, are looked at together."""


class Redactor:
    """Replaces known secrets, and whatever looks like one, in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        self._known = sorted(known, key=len, reverse=True)  # one secret may begin with another

    def clean(self, text: str) -> str:
        """The text without them."""
        return _without_shapes(self._without_known(text))

    def clean_lines(self, text: str) -> str:
        """The same, each line by itself: nothing of one is taken for a part of another. Cheap for millions of them."""
        return "".join(map(_lines_without_shapes, _pieces(self._without_known(text))))

    def _without_known(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, MASK)
        return text


def _without_shapes(text: str) -> str:
    """The text without what looks like a secret."""
    if "://" in text:
        text = _IN_AN_ADDRESS.sub(rf"\1{MASK}@", text)
    if _may_name_a_secret(text):
        for pattern in _PATTERNS:
            text = pattern.sub(_masked, text)
    return text


def _lines_without_shapes(text: str) -> str:
    if "://" in text or _may_name_a_secret(text):
        return "\n".join(map(_without_shapes, text.split("\n")))
    return text


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of whole lines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _may_name_a_secret(text: str) -> bool:
    folded = text.casefold()  # as patterns that ignore case do, for other alphabets' letters too
    for sign, words in _SIGNS.items():
        if sign in folded and (not words or any(word in folded for word in words)):
            return True
    return False


def redactor_of(config: Config) -> Redactor:
    """One that knows every secret of this configuration that can be read here, as it is now."""
    document = msgspec.to_builtins(config, enc_hook=str)
    return Redactor([*secrets_in(secret_files(document)), *_web_secrets(config)])


def _web_secrets(config: Config) -> Iterator[str]:
    """The web process's own: it lies where that account can put anything, so root has it opened by a hand."""
    path = config.paths.secret_key
    if os.geteuid() != 0:
        yield from secrets_in([path])
        return
    from ospi_supervisor.hands.uploads import open_upload

    try:
        with open_upload(config.paths.web_dir, path) as file:
            yield from _lines_of(file)
    except OSError:
        return


def secrets_in(files: Iterable[Path]) -> Iterator[str]:
    """The contents of secret files, line by line. One that cannot be read here cannot have been printed from here."""
    for path in files:
        try:
            with open_regular(path) as file:
                yield from _lines_of(file)
        except OSError:
            continue


def _lines_of(file: BinaryIO) -> list[str]:
    return file.read(MAX_SECRET_BYTES).decode("utf-8", errors="replace").split("\n")


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
