"""The pages' scripts under node: their unit tests, and their words held against the server's."""

import json
import subprocess
from pathlib import Path

import pytest

from demo.layout import REPOSITORY
from ospi_supervisor.domain.words import size
from ospi_supervisor.web import labels
from tests.support.system import require_program

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
SECONDS = [0, 0.4, 1, 1.4, 59, 60, 61, 599.2, 3599, 3600, 3661, 7512, 86400, 360000]
SIZES = [0, 1, 2, 999, 1000, 1500, 2e6, 12_345_678, 1_066_304_000, 30.7e9]
SAY = """
import * as words from "./static/js/words.js";
const [seconds, bytes, texts] = JSON.parse(process.argv[1]);
console.log(JSON.stringify([seconds.map(words.duration), bytes.map(words.size), texts.map(words.typeset)]));
"""


def test_their_unit_tests_pass() -> None:
    require_program("npm")
    done = subprocess.run([HERE / "run", "test"], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout


def test_durations_sizes_and_typography_are_the_servers() -> None:
    typeset: dict[str, str] = json.loads((REPOSITORY / "tests/data/typography.json").read_text(encoding="utf-8"))
    command = [
        require_program("node"),
        "--input-type=module",
        "--eval",
        SAY,
        json.dumps([SECONDS, SIZES, list(typeset)]),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    durations, sizes, texts = json.loads(done.stdout)
    assert durations == [labels.duration(one) for one in SECONDS]
    assert sizes == [size(one) for one in SIZES]
    assert texts == list(typeset.values())
