"""Takes secrets out of text that leaves the server."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

MASK = "***"
_NAMES = r"(?:pgpassword|password|passwd|mot_de_passe|secret|token|api_?key)"
_PATTERNS = (
    # The user's name and password in an address; a careless password may hold an @ itself.
    (re.compile(r"(://[^\s/:@]*:)[^\s/]*@"), rf"\1{MASK}@"),
    # NAME=value, NAME: value, "NAME": "value"
    (re.compile(rf"""(?i)((?<![a-z0-9]){_NAMES}["']?\s*[=:]\s*["']?)[^\s"',]+"""), rf"\1{MASK}"),
    (re.compile(rf"(?i)((?:--{_NAMES}|bearer)\s+)[^\s\"',]+"), rf"\1{MASK}"),
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
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def secrets_in(files: Iterable[Path]) -> Iterator[str]:
    """The contents of secret files, line by line. One that cannot be read here cannot have been printed from here."""
    for path in files:
        try:
            yield from path.read_text(encoding="utf-8", errors="replace").split("\n")
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


def _spellings(secret: str) -> set[str]:
    """As it stands, in a JSON text, and in an address."""
    bare = secret.strip()
    return {bare, json.dumps(bare, ensure_ascii=False)[1:-1], json.dumps(bare)[1:-1], quote(bare, safe="")} - {""}
