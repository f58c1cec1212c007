"""Programs that a backup runs: told apart, isolated from the terminal, never left behind."""

import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.backup.children import child, run
from ospi_supervisor.errors import BackupError, CancelledError
from ospi_supervisor.hands.conversation import die_with


def nothing() -> None:
    """Nobody waits."""


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(BackupError, match=r"« programme-absent » n'a pas pu être lancé"):
        run(["programme-absent"], nothing)


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(BackupError, match=r"« sh » a échoué : à cause de ça"):
        run(["sh", "-c", "echo à cause de ça >&2; exit 3"], nothing)


def test_a_program_that_says_much_is_quoted_from_its_first_error_on() -> None:
    said = ("reading", "tool: error: no right", "HINT: ask", "Command was: CREATE", "", " (", ");")
    with pytest.raises(BackupError, match=r"a échoué : tool: error: no right / HINT: ask / Command was: CREATE$"):
        run(["sh", "-c", 'printf "%s\\n" "$@" >&2; exit 1', "sh", *said], nothing)


def test_a_full_disk_is_said_in_french() -> None:
    with pytest.raises(BackupError, match="le disque est plein"):
        run(["sh", "-c", "exec cat /etc/passwd > /dev/full"], nothing)


def test_what_it_is_given_and_what_it_answers_pass_through() -> None:
    assert run(["cat"], nothing, given="été\n") == "été\n"


def test_a_key_pressed_in_the_terminal_is_for_the_worker_alone() -> None:
    with child(["sleep", "600"]) as program:
        assert os.getsid(program.pid) != os.getsid(0)


def test_whose_worker_was_killed_while_it_started_does_nothing(tmp_path: Path) -> None:
    """It was taken along if it asked for that in time; else it sees that its parent is another."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    started = subprocess.Popen(["touch", str(tmp_path / "fait")], preexec_fn=partial(die_with, gone.pid))
    assert started.wait() == -signal.SIGKILL
    assert not (tmp_path / "fait").exists()


def test_a_check_that_raises_leaves_no_program_behind() -> None:
    pids = []

    def cancel() -> None:
        raise CancelledError("annulée")

    def wait() -> None:
        with child(["sleep", "600"]) as program:
            pids.append(program.pid)
            program.wait(cancel)

    began = time.monotonic()
    with pytest.raises(CancelledError):
        wait()
    assert time.monotonic() - began < 60
    assert not psutil.pid_exists(pids[0])
