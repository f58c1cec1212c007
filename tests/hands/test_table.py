"""The table of who reads and writes which file through which hand says what is so."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "securite.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## Qui lit et écrit quoi")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| Ce qui est fait")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_each_row_names_a_test_that_there_is(row: list[str]) -> None:
    path, name = row[-1].strip("`").split("::")
    assert re.search(rf"^def {name}\(", (REPOSITORY / path).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "place",
    [
        *("sauvegarde", "point de reprise", "restauration", "quarantaine", "export", "backup restore", "preuve"),
        *("diagnostics", "file", "web.db", "téléversée", "journaux", "maintenance", "inscriptibles", "scripts"),
    ],
)
def test_every_place_is_in_it(place: str) -> None:
    assert any(place in row[0] for row in ROWS)
