"""The README's commands and the guide's, in their order, as somebody types them who reads along."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.layout import REPOSITORY
from tests.support.demo import UPDATE_SECONDS, Client, RunningDemo
from tests.support.prepared import lay_out_prepared

pytestmark = [pytest.mark.system, pytest.mark.full]

GUIDE = "docs/guide-administrateur.md"
REFUSED = {"import .*11.5.9": "ramenée à l'ancienne version", "resume": "", "cancel": "", "auto run *# comme": "NON"}
"""What ends with 1, and one line that says why: it is what these commands are for, or has nothing to act on here."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    running = RunningDemo(lay_out_prepared(tmp_path / "demo").root)
    yield running
    running.stop()


def commands(document: str) -> list[str]:
    """The lines of its blocks of code that call our programs."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    programs = r"(?:\.venv/bin/)?ospi-(?:supervisor|release) "
    return [line for block in blocks for line in block.splitlines() if re.match(programs, line)]


class Reader:
    """Types commands one after the other; what one prints is at hand for the next."""

    def __init__(self, demo: RunningDemo, folder: Path) -> None:
        self.demo, self.folder = demo, folder
        self.said = self.challenge = self.code = ""

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run it, and hold its end against what is expected of it."""
        words = [self._meant(word) for word in shlex.split(line, comments=True)]
        words[0] = str(Path(sys.executable).with_name(Path(words[0]).name))
        if words[0].endswith("supervisor") and "--config" not in words:
            words[1:1] = ["--config", str(self.demo.layout.config)]
        done = subprocess.run(
            words,
            cwd=self.folder,
            input="correct cheval pile\n",
            capture_output=True,
            text=True,
            timeout=UPDATE_SECONDS,
            check=False,
        )
        expected = [reason for pattern, reason in REFUSED.items() if re.search(rf"\b{pattern}", line)]
        assert done.returncode == (1 if expected else 0), f"{line}: {done.stdout} {done.stderr}"
        assert "Traceback" not in done.stderr
        assert all(reason in done.stderr for reason in expected), done.stderr
        if "--challenge" in line:
            self.challenge = done.stdout.strip().splitlines()[-1]
        elif "unlock-code" in line:
            self.code = done.stdout.strip()
        return done

    def _meant(self, word: str) -> str:
        if word == "PMSIpilot-11.6.0.ospi":
            return str(self.demo.archive("good"))
        if word == "CODE" and not self.code:
            key = str(self.demo.layout.support_key)
            self.type(f"ospi-release unlock-code --key {shlex.quote(key)} CHALLENGE")
        names = {"CHALLENGE": self.challenge, "CODE": self.code, "12": "1", "NOM": "dr.martin"}
        return names.get(word, word.replace(".demo/", f"{self.demo.layout.root}/"))


def test_the_readmes_commands_in_their_order(demo: RunningDemo, tmp_path: Path) -> None:
    lines = [line for line in commands("README.md") if ".demo/" in line]
    assert len(lines) == 6
    reader = Reader(demo, tmp_path)
    before = demo.data()
    reader.type(lines[0])
    assert (demo.portal_version(), demo.data()) == ("11.5.0", before)
    assert Client(demo).get("api/status")["lock"]["version"] == "11.5.9"
    for line in lines[1:4]:
        reader.type(line)
    assert Client(demo).get("api/status")["lock"] is None
    for line in lines[4:]:
        reader.type(line)
    assert demo.portal_version() == "11.6.0"


def test_the_guides_commands_in_their_order(demo: RunningDemo, tmp_path: Path) -> None:
    reader = Reader(demo, tmp_path)
    reader.type(f"ospi-supervisor import {demo.archive('failing_migration')} --notice-read --wait")
    lines = commands(GUIDE)
    assert len(lines) > 15
    for line in lines:
        reader.type(line)
    assert (tmp_path / "diagnostic.zip").exists()
    assert demo.portal_version() == "11.6.0"
