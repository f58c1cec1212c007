"""One process of the demonstration, started anew when it dies."""

import ctypes
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from demo.layout import REPOSITORY
from demo.prepare import environment

RESTART_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One process of ours, and its output."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    _died_at: float | None = None

    def __post_init__(self) -> None:
        self.spawn()

    def spawn(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches this manager only, which ends it in order."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=REPOSITORY,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def keep_alive(self) -> None:
        """Start the process again some time after it died."""
        if self.process.poll() is None:
            return
        if self._died_at is None:
            self._died_at = time.monotonic()
            print(f"[démo] le processus {self.name} s'est arrêté ; redémarrage", flush=True)
        elif time.monotonic() - self._died_at >= RESTART_SECONDS:
            self._died_at = None
            self.spawn()

    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self.process.pid if self.process.poll() is None else None

    def stop(self, patience: float) -> None:
        """End the process: asked first, killed after `patience` seconds."""
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "(aucun message)"


def _die_with_parent() -> None:
    """Ask the kernel to end this child with the manager, however the manager ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
