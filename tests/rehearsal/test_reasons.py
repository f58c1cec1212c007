"""Whose fault a failure in a twin is, by what was said of it."""

from pathlib import Path

import pytest

from ospi_supervisor.rehearsal.reasons import last_words, of_the_twin

COPED = "serveur de licences : Network is unreachable, on continue\n"
TRACEBACK = """Traceback (most recent call last):
  File "/opt/x.py", line 3, in <module>
urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>
(voir https://exemple.fr/erreur)
"""


def of(said: str) -> str | None:
    return of_the_twin(last_words(said), lambda path: not path.is_relative_to("/proc/self"))


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (TRACEBACK, "réseau"),
        ("psql: error: connection to server failed: Connection refused\n\tIs the server running?\n", "service"),
        ("cp: cannot create '/usr/x': Read-only file system\n", "lecture seule"),
        ("MemoryError\n", "mémoire"),
        ("sh: 1: /proc/self/exe: not found\n", "/proc/self/exe"),
    ],
)
def test_what_the_twin_lacks(said: str, word: str) -> None:
    assert word in (of(said) or "")


@pytest.mark.parametrize(
    "said",
    [
        f"{COPED}séjour 142 : code inconnu\n",
        f"{COPED}{TRACEBACK.splitlines()[0]}\nValueError: séjour 142\n",
        "[Errno 2] No such file or directory: '/absent/partout'\n",
        "",
    ],
)
def test_what_the_release_does(said: str) -> None:
    assert of(said) is None
    assert not Path("/absent/partout").exists()
