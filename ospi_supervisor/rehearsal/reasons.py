"""What in a program's last words tells that the twin, not the release, is why it failed."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

SIGNS: Sequence[tuple[str, str]] = (
    (
        r"name or service not known|temporary failure in name resolution|could not (resolve|translate) host"
        r"|nodename nor servname|getaddrinfo|network is unreachable|no route to host|enetunreach|ehostunreach",
        "il demande un réseau, que le double n'a pas",
    ),
    (
        r"connection refused|econnrefused|connexion refusée|is the server running",
        "il demande un service qui n'est pas dans le double",
    ),
    (r"read-only file system|erofs", "il écrit là où le double est en lecture seule"),
    (
        r"no new privileges|must be setuid root|effective uid is not 0",
        "il demande des droits que le double ne donne pas",
    ),
    (r"no space left on device|disk quota exceeded|enospc", "la place a manqué au double"),
    (r"cannot allocate memory|memoryerror|out of memory|enomem|manque de mémoire", "la mémoire a manqué au double"),
    (r"failed to connect to bus|system has not been booted with systemd", "il demande systemd, que le double n'a pas"),
)
_PATH = re.compile(r"(?<![\w.:/-])/(?:[\w.+@%~-]+/?)+")
_MISSING = re.compile(
    r"no such file|not found|enoent|introuvable|aucun fichier|permission denied|eacces", re.IGNORECASE
)


TRACEBACK = "Traceback (most recent call last):"


def last_words(said: str) -> str:
    """The end of what a program said that tells of its failure: a whole traceback, else its last line with those that
    lead to it by being indented. What it had said before, it may have coped with."""
    if TRACEBACK in said:
        return said[said.rindex(TRACEBACK) :]
    lines = [line for line in said.splitlines() if line.strip()]
    start = max(0, len(lines) - 1)
    while start > 0 and lines[start][0].isspace():
        start -= 1
    return "\n".join(lines[start:])


def of_the_twin(words: str, sees: Callable[[Path], bool]) -> str | None:
    """Why a program that said `words` last may have failed by the twin's fault; None where nothing tells so.

    `sees` says whether a path of the real machine is the twin's too.
    """
    for signs, why in SIGNS:
        if re.search(signs, words, re.IGNORECASE):
            return why
    if _MISSING.search(words):
        for match in _PATH.finditer(words):
            path = Path(os.path.normpath(match[0].rstrip(".,:;")))
            if os.path.lexists(path) and not sees(path):
                return f"il demande {path}, que le double n'a pas"
    return None
