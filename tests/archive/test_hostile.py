"""No hostile archive is accepted, writes elsewhere, costs much, or makes the program fail."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.archive.hostile import cases
from tests.archive.hostile_vendor import ROOT, Vendor

MEBIBYTES, SECONDS = 256, 10
SAMPLE = 40


def play(folder: Path, good: Path, vendor: Path, every: int) -> dict[str, dict[str, Any]]:
    """What became of every `every`th hostile archive, by name."""
    (folder / "out").mkdir()
    (folder / ROOT).write_bytes((vendor / ROOT).read_bytes())
    made = 0
    for number, (name, data) in enumerate(cases(Vendor(good, vendor))):
        made += 1
        if number % every == 0:
            (folder / f"{number:04d}-{re.sub('[^a-z0-9.-]', '_', name.lower())[:60]}.ospi").write_bytes(data)
    assert made >= 300
    command = [sys.executable, "-m", "tests.archive.hostile_reading", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(list(folder.glob("*.ospi")))
    return {row["name"]: row for row in rows}


def assert_held(rows: dict[str, dict[str, Any]]) -> None:
    assert {name: row["said"] for name, row in rows.items() if not row["said"].startswith("refused: ")} == {}
    assert {name: row["found"] for name, row in rows.items() if set(row["found"]) - {"out/staging"}} == {}
    assert {name: row["seconds"] for name, row in rows.items() if row["seconds"] > SECONDS} == {}
    assert {name: row["mebibytes"] for name, row in rows.items() if row["mebibytes"] > MEBIBYTES} == {}


def test_a_sample_of_hostile_archives_is_refused(tmp_path: Path, good: Path, vendor: Path) -> None:
    assert_held(play(tmp_path, good, vendor, SAMPLE))


@pytest.mark.full
def test_every_hostile_archive_is_refused(tmp_path: Path, good: Path, vendor: Path) -> None:
    assert_held(play(tmp_path, good, vendor, 1))
