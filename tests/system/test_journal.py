"""The log of our processes: with levels where systemd's journal reads it, and no line more than is worth one."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.system.journal import JournalFormatter, Repeated, is_journal

SAY = """
import logging
from ospi_supervisor.system.journal import log_to_stdout
log_to_stdout()
logging.info("update 7: stage done")
logging.getLogger("huey.consumer").info("each minute")
try:
    raise OSError("disque")
except OSError:
    logging.exception("housekeeping failed")
"""


def said(file: Path, *, journal: bool) -> list[str]:
    """What a process says whose output is that file; systemd names it so in `JOURNAL_STREAM`."""
    with file.open("w+") as stream:
        facts = os.fstat(stream.fileno())
        named = {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"} if journal else {}
        subprocess.run([sys.executable, "-c", SAY], stdout=stream, env=os.environ | named, check=True, timeout=60)
    return file.read_text().splitlines()


def test_each_line_has_its_level_in_the_journal(tmp_path: Path) -> None:
    first, *failure = said(tmp_path / "journal", journal=True)
    assert first == "<6>update 7: stage done"
    assert failure[0] == "<3>housekeeping failed"
    assert failure[-1] == "<3>OSError: disque"
    assert all(line.startswith("<3>") for line in failure)


def test_elsewhere_a_line_has_its_instant_and_its_level_in_words(tmp_path: Path) -> None:
    lines = said(tmp_path / "log", journal=False)
    assert lines[0].endswith(" INFO update 7: stage done")
    assert not any(line.startswith("<") for line in lines)
    assert "each minute" not in "\n".join(lines)


def test_a_stream_without_a_descriptor_is_no_journal() -> None:
    assert not is_journal(io.StringIO())


@pytest.mark.parametrize(
    ("level", "number"), [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)]
)
def test_levels_are_those_of_syslog(level: str, number: int) -> None:
    record = logging.LogRecord("x", getattr(logging, level), "x.py", 1, "a\nb", None, None)
    assert JournalFormatter().format(record) == f"<{number}>a\n<{number}>b"


@pytest.fixture
def repeated(caplog: pytest.LogCaptureFixture) -> Iterator[Repeated]:
    with caplog.at_level(logging.INFO):
        yield Repeated(logging.getLogger("essai"))


def test_what_fails_each_minute_is_told_once_and_when_it_is_over(
    repeated: Repeated, caplog: pytest.LogCaptureFixture
) -> None:
    repeated.worked("housekeeping")
    for _ in range(3):
        repeated.failed("housekeeping", OSError("disque plein"))
        repeated.worked("another thing")
    repeated.failed("housekeeping", OSError("disque absent"))
    repeated.worked("housekeeping")
    repeated.failed("housekeeping", OSError("disque absent"))
    said = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert said == ["housekeeping failed", "housekeeping failed", "housekeeping works again", "housekeeping failed"]
