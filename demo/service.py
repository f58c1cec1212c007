"""The portal as a service: the start, stop and status commands that the demonstration's configuration names.

They stand outside the releases, as a systemd unit would; what they start is the release that `current` names.
A pid file holds the daemon's pid and its start time, so that a recycled pid is never taken for the portal.
"""

import argparse
import http.client
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT = 20.0
STOP_TIMEOUT = 15.0
STEP = 0.03


@dataclass(frozen=True)
class PortalService:
    """The portal of one demonstration folder: `root` holds `current`, `run` the pid file and the output."""

    root: Path
    data: Path
    run: Path
    port: int

    @property
    def pid_file(self) -> Path:
        """Where the daemon's pid and start time stand."""
        return self.run / "portail.pid"

    @property
    def log(self) -> Path:
        """What the daemon prints."""
        return self.run / "portail.log"

    def pid(self) -> int | None:
        """The daemon's pid while it runs; None where it does not, whatever the pid file says."""
        try:
            number, started = self.pid_file.read_text(encoding="ascii").split()
            pid = int(number)
        except (FileNotFoundError, ValueError):
            return None
        return pid if _start_of(pid) == started else None

    def start(self) -> None:
        """Start the daemon and wait until it answers; RuntimeError, with its last words, where it ends instead."""
        if self.pid() is not None:
            return
        self.run.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-B", "-m", "portail", "--port", str(self.port), "--data", str(self.data)],
                cwd=self.root / "current",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the worker that runs this command may die: the portal lives on
                # Written by the daemon itself, before it becomes one: this command may be killed at any instant.
                preexec_fn=self._write_pid_file,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if daemon.poll() is not None:
                raise RuntimeError(f"le portail s'est arrêté dès son démarrage : {self._last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"le portail ne répond pas après {START_TIMEOUT:.0f} s")
            time.sleep(STEP)

    def stop(self) -> None:
        """Stop the daemon and wait until it is gone; RuntimeError where even SIGKILL does not end it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_TIMEOUT
            if (pid := self.pid()) is not None:
                os.kill(pid, number)
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(STEP)
        if self.pid() is not None:
            raise RuntimeError("le portail ne s'arrête pas")
        self.pid_file.unlink(missing_ok=True)

    def _write_pid_file(self) -> None:
        temporary = self.pid_file.with_suffix(".new")
        temporary.write_text(f"{os.getpid()} {_start_of(os.getpid())}\n", encoding="ascii")
        temporary.replace(self.pid_file)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            connection.getresponse()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "(aucun message)"


def _start_of(pid: int) -> str | None:
    """When a process was started, in the kernel's ticks since boot (a clock that nobody sets); None once it ended."""
    try:
        # The second field, the program's name in parentheses, may itself hold spaces and parentheses.
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
        )
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else fields[18]


def main() -> None:
    """`python service.py start|stop|status`; status exits 0 while the portal runs, 3 otherwise."""
    parser = argparse.ArgumentParser(prog="portail-service")
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    service = PortalService(options.root, options.data, options.run, options.port)
    try:
        if options.action == "start":
            service.start()
        elif options.action == "stop":
            service.stop()
        elif service.pid() is None:
            sys.exit(3)
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
