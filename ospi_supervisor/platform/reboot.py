"""Keeps the machine from being shut down while an update runs, where systemd offers it (engine rule 7)."""

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

PROGRAM = "systemd-inhibit"
WHY = "Une mise à jour de la plateforme est en cours"
PATIENCE_SECONDS = 5.0


def shutting_down() -> bool:
    """Whether systemd is stopping the machine: a root's `reboot` ignores inhibitors before its version 257."""
    try:
        asked = subprocess.run(
            ["systemctl", "is-system-running"], capture_output=True, timeout=PATIENCE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.stdout.strip() == b"stopping"


class RebootGuard:
    """Holds a shutdown inhibitor. It is a courtesy: where it cannot be had, updates run all the same."""

    def __init__(self) -> None:
        self._said = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the inhibitor for as long as the block takes; where there is none, say so once in the log.

        The kernel closes the inhibitor's input with this process, however it ends, and the inhibitor ends with it.
        """
        holder = self._start()
        try:
            yield
        finally:
            if holder is not None:
                self._release(holder)

    def _start(self) -> subprocess.Popen[bytes] | None:
        command = [PROGRAM, "--what=shutdown", "--mode=block", "--who=Superviseur OSPI", f"--why={WHY}", "cat"]
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, start_new_session=True)
        except OSError as error:
            self._say("nothing keeps this machine from being shut down during an update: %s", error)
            return None

    def _release(self, holder: subprocess.Popen[bytes]) -> None:
        """Let go of the inhibitor: its input ends, and it with it; one that does not is killed."""
        try:
            _, errors = holder.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            holder.kill()
            _, errors = holder.communicate()
        if holder.returncode != 0:
            words = errors.decode("utf-8", "replace").strip()
            self._say("the shutdown inhibitor did not hold (status %s): %s", holder.returncode, words)

    def _say(self, message: str, *words: object) -> None:
        if not self._said:
            logger.warning(message, *words)
            self._said = True
