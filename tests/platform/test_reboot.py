"""The shutdown inhibitor: held for as long as an update runs, and never in an update's way."""

import logging
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ospi_supervisor.platform.reboot import RebootGuard, shutting_down
from tests.support.system import wait_until

HOLDS = """#!/bin/sh
echo "$@" > "$0.arguments"
for program in "$@"; do :; done
echo $$ > "$0.held"
"$program"
status=$?
rm "$0.held"
exit $status
"""
REFUSES = """#!/bin/sh
echo "Failed to inhibit: Access denied" >&2
exit 1
"""
IGNORES_ITS_INPUT = "#!/bin/sh\nexec sleep 60\n"


@pytest.fixture
def inhibitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the fake `systemd-inhibit` goes, first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "systemd-inhibit"


def install(path: Path, script: str) -> Path:
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
    return path.with_name(f"{path.name}.held")


def test_it_is_held_for_as_long_as_the_block_takes(inhibitor: Path) -> None:
    held = install(inhibitor, HOLDS)
    with RebootGuard().held():
        wait_until(held.exists, "the inhibitor")
        arguments = inhibitor.with_name("systemd-inhibit.arguments").read_text(encoding="utf-8")
        assert "--what=shutdown --mode=block" in arguments
        assert "Une mise à jour de la plateforme est en cours" in arguments
    assert not held.exists()


def test_it_is_let_go_of_after_a_failure_too(inhibitor: Path) -> None:
    held = install(inhibitor, HOLDS)
    with suppress(ZeroDivisionError), RebootGuard().held():
        wait_until(held.exists, "the inhibitor")
        raise ZeroDivisionError
    assert not held.exists()


def test_it_ends_with_a_worker_that_is_killed(inhibitor: Path) -> None:
    held = install(inhibitor, HOLDS)
    program = (
        "import time; from ospi_supervisor.platform.reboot import RebootGuard\n"
        "with RebootGuard().held(): time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as worker:
        wait_until(held.exists, "the inhibitor")
        worker.send_signal(signal.SIGKILL)
    wait_until(lambda: not held.exists(), "the inhibitor's end")


def test_an_update_runs_without_it_and_the_log_says_so_once(
    inhibitor: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(inhibitor.parent))
    guard = RebootGuard()
    for _ in range(3):
        with guard.held():
            pass
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No such file or directory: 'systemd-inhibit'" in caplog.text


@pytest.mark.parametrize(("script", "words"), [(REFUSES, "Access denied"), (IGNORES_ITS_INPUT, "status -9")])
def test_one_that_does_not_hold_is_said_and_does_not_stop_the_update(
    inhibitor: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    monkeypatch.setattr("ospi_supervisor.platform.reboot.PATIENCE_SECONDS", 0.5)
    install(inhibitor, script)
    with RebootGuard().held():
        pass
    assert words in caplog.text


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("#!/bin/sh\necho stopping; exit 1\n", True),
        ("#!/bin/sh\necho running\n", False),
        ("#!/bin/sh\necho degraded; exit 1\n", False),
        ("#!/bin/sh\necho 'System has not been booted with systemd' >&2; exit 1\n", False),
        ("", False),
    ],
)
def test_systemd_tells_whether_the_machine_is_stopping(inhibitor: Path, script: str, expected: bool) -> None:
    install(inhibitor.with_name("systemctl"), script)
    assert shutting_down() is expected


def test_a_machine_without_systemd_is_not_known_to_stop(inhibitor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(inhibitor.parent))
    assert shutting_down() is False
