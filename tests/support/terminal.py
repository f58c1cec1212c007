"""A command as a person runs it: at a terminal of its own, or without any; and each way in which it is interrupted."""

import fcntl
import os
import pty
import signal
import subprocess
import tempfile
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

import psutil

from tests.support.system import wait_until

CTRL_C, TERM, CLOSED = "Ctrl-C", "SIGTERM", "terminal fermé"


class Running:
    """A command at work; `master` is its terminal's other end, None where it has none."""

    def __init__(self, process: subprocess.Popen[bytes], master: int | None, output: IO[bytes]) -> None:
        self.process, self.master, self._output = process, master, output
        self.lost = False
        """Whether its terminal is gone: nobody reads what it says."""
        self._said = b""

    @property
    def said(self) -> str:
        """All that it printed so far, on whichever stream."""
        if self.master is None and self._output.closed:
            pass  # it has ended, and all was read
        elif self.master is None:
            self._output.seek(0)
            self._said = self._output.read() or self._said
        else:
            with suppress(OSError):  # nothing to read now (EAGAIN), or nobody writes any more (EIO)
                while piece := os.read(self.master, 65536):
                    self._said += piece
        return self._said.decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_for(self, words: str) -> None:
        """Return once it has said that."""
        wait_until(lambda: words in self.said or self.process.poll() is not None, words)
        assert words in self.said, self.said

    def type(self, keys: str) -> None:
        """At its terminal."""
        assert self.master is not None
        os.write(self.master, keys.encode())

    def interrupt(self, how: str) -> None:
        """Ctrl-C, SIGTERM, or its terminal closed; without a terminal, what that would send."""
        if self.master is not None and how == CTRL_C:
            self.type("\x03")
        elif self.master is not None and how == CLOSED:
            _ = self.said
            os.close(self.master)
            self.master, self.lost = None, True
        else:
            number = {CTRL_C: signal.SIGINT, TERM: signal.SIGTERM, CLOSED: signal.SIGHUP}[how]
            self.process.send_signal(number)

    def end(self) -> int:
        """Its exit status, once it has ended."""
        wait_until(lambda: (self.said, self.process.poll() is not None)[1], "the command's end", 90)
        _ = self.said
        return int(self.process.returncode)

    @contextmanager
    def stopped_child(self, name: str) -> Iterator[None]:
        """With a program that it started held in the middle of its work (SIGSTOP)."""
        found: list[psutil.Process] = []

        def hold() -> bool:
            with suppress(psutil.NoSuchProcess):
                children = psutil.Process(self.process.pid).children(recursive=True)
                found.extend(child for child in children if child.name() == name)
                for child in found:
                    child.suspend()
            return bool(found)

        wait_until(hold, f"{name} at work")
        yield
        for child in found:
            with suppress(psutil.NoSuchProcess):
                child.resume()


@contextmanager
def running(command: Sequence[str], *, terminal: bool) -> Iterator[Running]:
    """That command at work; ended with the block."""
    with tempfile.TemporaryFile() as output:
        master = None
        if terminal:
            master, slave = pty.openpty()
            os.set_blocking(master, False)
            process = subprocess.Popen(
                command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_own_terminal
            )
            os.close(slave)
        else:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_heard
            )
        one = Running(process, master, output)
        try:
            yield one
        finally:
            process.kill()
            process.wait()
            if one.master is not None:
                os.close(one.master)


def _heard() -> None:
    """As a login shell starts a command: whoever runs the tests may ignore some of these."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _own_terminal() -> None:
    _heard()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
