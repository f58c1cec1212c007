"""`docs/securite.md` says what is: its tests exist, its tables are complete, its figures are the code's."""

import re
import tomllib
from pathlib import Path

from ospi_supervisor.archive.layout import MAX_INDEX_UNPACKED, MAX_METADATA, MAX_ROOT
from ospi_supervisor.archive.metadata import MAX_KEYS
from ospi_supervisor.domain.manifest import ENTRIES_MAX
from ospi_supervisor.domain.sign_in import FROM_ALL, FROM_ONE
from ospi_supervisor.system.connections import (
    AT_ONCE_MAX,
    AWAITED_MAX,
    BODY_SECONDS,
    CROWD_MAX,
    FIRST_SECONDS,
    HEAD_SECONDS,
    WINDOW_BYTES,
    WINDOW_SECONDS,
)
from ospi_supervisor.web.serving.body_limits import ANYBODY_MAX_BYTES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "securite.md").read_text(encoding="utf-8")
KIB, MIB = 1024, 1024**2


def first_cells(title: str) -> list[str]:
    """What stands in code in the first cells of the table under `title`."""
    table = TEXT.split(title, 1)[1].split("\n\n", 2)[2] if title.startswith("##") else TEXT.split(title, 1)[1]
    rows = re.findall(r"^\| (.+?) \|", re.split(r"\n## |\n\*\*", table)[0], re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def exists(test: str) -> bool:
    """Whether there is that file of tests, or that test of a file."""
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


def test_the_tests_that_it_names_exist() -> None:
    named = re.findall(r"`(tests/[^`]+)`", TEXT)
    assert named
    assert [test for test in named if not exists(test)] == []


def test_every_dependency_has_its_reason() -> None:
    locked = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)
    assert sorted(first_cells("## Dépendances")) == sorted(locked)


def test_every_rule_that_bandit_skips_is_explained() -> None:
    skipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["bandit"]["skips"]
    assert sorted(first_cells("**bandit**")) == sorted(skipped)


def test_its_figures_are_the_codes() -> None:
    for words in (
        f"au plus {AWAITED_MAX}, et",
        f"moins de {FROM_ONE} essais par quart d'heure d'une adresse, moins de {FROM_ALL} de toutes",
        f"| {AT_ONCE_MAX} ; {WINDOW_BYTES // KIB} Kio par {WINDOW_SECONDS:.0f} s |",
        f"des {FIRST_SECONDS:.0f} premières secondes | {AWAITED_MAX} ; {CROWD_MAX} |",
        f"| {HEAD_SECONDS:.0f} s ; {BODY_SECONDS:.0f} s ; {WINDOW_BYTES // KIB} Kio par {WINDOW_SECONDS:.0f} s |",
        f"| {ANYBODY_MAX_BYTES // KIB} Kio ; 64 Mio ; 8 Mio |",
        f"| {MAX_ROOT // KIB} Kio ; {MAX_METADATA // MIB} Mio ; {MAX_KEYS} |",
        f"| {MAX_INDEX_UNPACKED // MIB} Mio ; {ENTRIES_MAX // 1000} 000 |",
    ):
        assert words in TEXT, words
