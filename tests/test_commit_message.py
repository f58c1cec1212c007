"""The hook that reads a commit's message."""

import subprocess
from pathlib import Path

import pytest

HOOK = Path(__file__).with_name("commit-message")
LONGEST = "x" * 72


def judged(folder: Path, message: str) -> int:
    path = folder / "message"
    path.write_text(message, encoding="utf-8")
    return subprocess.run([HOOK, path], capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    "message", [f"{LONGEST}\n\nBecause.\n", "Accents é\n\nBecause\nof this.\n# a comment of git's\n"]
)
def test_a_subject_and_its_reason_pass(tmp_path: Path, message: str) -> None:
    assert judged(tmp_path, message) == 0


@pytest.mark.parametrize(
    "message",
    ["", f"{LONGEST}x\n\nBecause.\n", "No reason\n", "No reason\n\n# a comment\n", "No empty line\nBecause.\n"],
)
def test_others_are_refused(tmp_path: Path, message: str) -> None:
    assert judged(tmp_path, message) == 1
