"""This program on its own disk: versions beside each other below a folder with a link `current`, as `make dist` puts
them there, and the order by which one takes the other's place. A unit of its own carries that out."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.config.tables import Config
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform.drivers import UNITS_DIR
from ospi_supervisor.platform.units import OWN_UNIT, WEB_UNIT, WORKER_UNIT, program_root, unit_of
from ospi_supervisor.system.files import remove_tree, write_atomically

PREPARE = Path("hooks") / "10-programme"
SCRIPT = Path("bin") / "change-version"
PREPARE_SECONDS = 900
START_SECONDS = 90
UP_SECONDS = 60
"""How long a version may take until both processes live and answer."""


@dataclass(frozen=True)
class Outcome:
    """How the change that the update of that number ordered ended; `reason` says why the old version is back."""

    update_id: int
    reason: str | None


class OwnProgram:
    """`root` holds `releases/VERSION/`, `current`, and `change/` with the order and its outcome: root's alone."""

    def __init__(self, root: Path, config: Config) -> None:
        self.root = root
        self._config = config
        self._change = root / "change"
        self._order, self._outcome = self._change / "order", self._change / "outcome"

    def free_bytes(self) -> int:
        """What is left on the program's disk for it."""
        return shutil.disk_usage(self.root).free

    def check(self) -> None:
        """PlatformError where nobody could carry an order out."""
        if shutil.which("systemctl") is None:
            raise PlatformError("systemctl est absent de ce serveur : lancez plutôt le fichier d'installation")

    def prepare(self, version: str) -> None:
        """Make the program of a version that was put in its place. PlatformError with what it said."""
        release = self.root / "releases" / version
        command = [str(release / PREPARE), str(self.root / "python")]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=PREPARE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PlatformError(f"le programme de la version {version} n'a pas pu être préparé : {error}") from error
        if done.returncode:
            raise PlatformError(f"le programme de la version {version} n'a pas pu être préparé : {done.stderr.strip()}")

    def is_ordered(self) -> bool:
        """Whether a change is to be carried out, or just is."""
        return self._order.exists()

    def outcome(self, update_id: int) -> Outcome | None:
        """How that update's change ended; None while it has not, and where it was never ordered."""
        if self.is_ordered() or not self._outcome.exists():
            return None
        number, how, *reason = self._outcome.read_text(encoding="utf-8").splitlines()
        if int(number) != update_id:
            return None
        return Outcome(update_id, None if how == "done" else " ".join(reason))

    def order(self, update_id: int, before: str, after: str) -> None:
        """Have the change carried out by this version's own script, durably; it is begun by `begin`. OSError."""
        remove_tree(self._change)  # an earlier change left nothing that counts
        self._change.mkdir(mode=0o700)
        script = Path(sys.prefix).parent / SCRIPT
        write_atomically(self._change / "run", script.read_bytes(), mode=0o700)
        paths = self._config.paths
        values = {
            "update": update_id,
            "before": before,
            "after": after,
            "config": self._config.file,
            "engine": paths.engine_dir,
            "web": paths.web_dir,
            "queue": paths.queue_dir,
            "units": UNITS_DIR,
            "own_units": " ".join(unit_of(self._config, unit) for unit in (WORKER_UNIT, WEB_UNIT)),
            "patience": UP_SECONDS,
        }
        text = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
        write_atomically(self._order, text.encode(), mode=0o600)

    def begin(self) -> None:
        """Start the unit that carries the order out, where it does not run yet. PlatformError where it cannot be: where
        systemd does not say, it may have been."""
        command = ["systemctl", "start", "--no-block", unit_of(self._config, OWN_UNIT)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return
        if done.returncode:
            raise PlatformError(f"{' '.join(command)} : {done.stderr.strip()}")

    def withdraw(self) -> None:
        """Take back an order that nobody began."""
        self._order.unlink(missing_ok=True)


def own_program(config: Config) -> OwnProgram | None:
    """This program, where it was installed so that one version can take another's place; None in a checkout."""
    root = program_root()
    return None if root is None else OwnProgram(root, config)
