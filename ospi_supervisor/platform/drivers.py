"""How one service is started, stopped and looked at: by its systemd unit, or by three commands."""

import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ospi_supervisor.config.tables import ServiceTable
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform.processes import end_group, may_run, spawn
from ospi_supervisor.system.exits import watched
from ospi_supervisor.system.files import write_atomically
from ospi_supervisor.system.probes import write_refusal

UNITS_DIR = Path("/etc/systemd/system")
HOLD_DROP_IN = "ospi-superviseur.conf"
KILL_PATIENCE_SECONDS = 10.0
FIRST_POLL_SECONDS = 0.02
LAST_POLL_SECONDS = 0.5
LAST_LINES = 5
UP = ("active", "reloading")
SETTLED = ("active", "inactive", "failed")
STOPPED = frozenset({1, 2, 3})
"""Exit codes of `status` that say that the service does not run (LSB: dead, dead, stopped). Any other but 0 is an error
of the command, which says nothing of the service."""


class Driver(Protocol):
    """One service. Its methods may be called any number of times; each returns when what it says is true."""

    @property
    def name(self) -> str:
        """What the administrator calls it."""

    def check_hold(self) -> None:
        """PlatformError where `prepare_hold` would fail."""

    def prepare_hold(self) -> None:
        """Have the machine's boot respect the hold, where that takes something."""

    def is_running(self) -> bool:
        """Whether the service runs now."""

    def start(self) -> None:
        """Start it unless it runs; PlatformError where it does not run in time."""

    def stop(self, *, runs: bool = False) -> None:
        """Stop it unless it is stopped, which is not asked where it is known to run (`runs`); PlatformError where it
        still runs after its time."""


class CommandDriver:
    """A service by three commands, run without a shell under the platform's account.

    Nothing is ever killed but a command that hangs: only the `stop` command knows which processes are the
    service's. The `start` command must send its daemon's output where it belongs, not to its own.
    """

    def __init__(self, table: ServiceTable, account: str | None) -> None:
        self.name = table.name
        self._table = table
        self._account = account

    def check_hold(self) -> None:
        """PlatformError where `start` or `stop` could not be run: there is no such program, or not for the account."""
        for word, command in (("start", self._table.start), ("stop", self._table.stop)):
            try:
                program, *_ = shlex.split(command or "")
            except ValueError as error:
                raise PlatformError(f"la commande « {word} » du service « {self.name} » est mal écrite") from error
            if not may_run(self._account, program):
                raise PlatformError(
                    f"la commande « {word} » du service « {self.name} » ne peut pas être lancée : « {program} » est"
                    " introuvable, ou fermé au compte de la plateforme"
                )

    def prepare_hold(self) -> None:
        """Nothing: such a service is started by nothing that we could make respect the hold."""

    def is_running(self) -> bool:
        """Whether the `status` command says so; PlatformError where it cannot tell."""
        code, output = self._run("status", self._table.status)
        if code != 0 and code not in STOPPED:
            raise PlatformError(
                f"la commande « status » du service « {self.name} » ne dit pas s'il fonctionne"
                f" (code {code}){_last_lines(output)}"
            )
        return code == 0

    def start(self) -> None:
        """Run the `start` command and wait until `status` agrees."""
        if not self.is_running():
            self._change("start", self._table.start, "ne démarre pas", self.is_running)

    def stop(self, *, runs: bool = False) -> None:
        """Run the `stop` command and wait until `status` agrees."""
        if runs or self.is_running():
            self._change("stop", self._table.stop, "ne s'arrête pas", lambda: not self.is_running())

    def _change(self, word: str, command: str | None, failure: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._table.timeout
        code, output = self._run(word, command)
        if not _wait(reached, 0 if code else deadline - time.monotonic()):
            ending = f"la commande « {word} » a fini avec le code {code}" if code else "le statut n'a pas changé"
            raise PlatformError(f"le service « {self.name} » {failure} ({ending}){_last_lines(output)}")

    def _run(self, word: str, command: str | None) -> tuple[int, str]:
        """Exit code and output of one command; PlatformError where it cannot start or exceeds the time limit.

        The output goes to a file: a pipe would stay open as long as a daemon that the command started.
        """
        with tempfile.TemporaryFile() as output:
            try:
                arguments = shlex.split(command or "")
                process = spawn(arguments, account=self._account, cwd=Path("/"), output=output.fileno())
            except (OSError, ValueError) as error:
                raise PlatformError(
                    f"la commande « {word} » du service « {self.name} » ne peut pas être lancée : {error}"
                ) from error
            with watched(process) as watch:
                if not watch.has_ended(self._table.timeout):
                    end_group(process)
                    raise PlatformError(
                        f"la commande « {word} » du service « {self.name} » n'a pas fini en"
                        f" {self._table.timeout:g} secondes{_last_lines(_read(output.fileno()))}"
                    )
            return process.returncode, _read(output.fileno())


class SystemdDriver:
    """A service by its systemd unit. systemd knows its processes, so that one that does not stop can be killed."""

    def __init__(self, table: ServiceTable, hold: Path, units_dir: Path = UNITS_DIR) -> None:
        self.name = table.name
        self._unit = full_name(table.systemd or "")
        self._timeout = table.timeout
        self._hold = hold
        self._drop_in = units_dir / f"{self._unit}.d" / HOLD_DROP_IN

    def check_hold(self) -> None:
        """PlatformError where the folder of units cannot be written in."""
        if (refusal := write_refusal(self._drop_in.parent)) is not None:
            raise PlatformError(
                f"le service « {self.name} » ne pourrait pas être retenu : {self._drop_in.parent} ({refusal}) ; rendez"
                " ce dossier modifiable"
            )

    def prepare_hold(self) -> None:
        """Give the unit a drop-in that keeps it from starting while the hold is there; done once."""
        text = hold_drop_in(self._hold).encode()
        if self._drop_in.exists() and self._drop_in.read_bytes() == text:
            return
        try:
            self._drop_in.parent.mkdir(exist_ok=True)
            write_atomically(self._drop_in, text)
        except OSError as error:
            raise PlatformError(
                f"impossible de retenir le service « {self.name} » : {self._drop_in} ({error.strerror})"
            ) from error
        self._systemctl("daemon-reload")

    def is_running(self) -> bool:
        """Whether the unit is active or on its way there; PlatformError where there is no such unit.

        One that died, and that systemd is about to try once more, is broken: it is not on its way. A job that works and
        ends, started by a timer, is as it should be whether it is at work or not.
        """
        facts = self._facts()
        if _is_job(facts):
            return True
        starting = facts["ActiveState"] == "activating" and not facts.get("SubState", "").startswith("auto-restart")
        return starting or facts["ActiveState"] in UP

    def start(self) -> None:
        """Start the unit and wait until it is active.

        systemd's count of recent starts begins anew: deaths in one release must not forbid the start in another. A job
        is left to its timer.
        """
        facts = self._facts()
        if facts["ActiveState"] not in UP and not _is_job(facts):
            self._systemctl("reset-failed", self._unit)
            output = self._systemctl("start", self._unit)
            _wait(lambda: self._state() in SETTLED, self._timeout)
            self._expect(self._state() in UP, "ne démarre pas", output)

    def stop(self, *, runs: bool = False) -> None:
        """Stop the unit, by force after its time, and wait until nothing of it runs."""
        if not runs and self._is_stopped():
            return
        output = self._systemctl("stop", "--no-block", self._unit)
        if not _wait(self._is_stopped, self._timeout):
            output += self._systemctl("kill", "--signal=SIGKILL", self._unit)
            self._expect(_wait(self._is_stopped, KILL_PATIENCE_SECONDS), "ne s'arrête pas, même de force", output)

    def _is_stopped(self) -> bool:
        return self._state() in ("inactive", "failed")

    def _expect(self, reached: bool, failure: str, output: str) -> None:
        if not reached:
            raise PlatformError(
                f"le service « {self.name} » {failure} (unité {self._unit} : {self._state()}) ;"
                f" voir journalctl -u {self._unit}{_last_lines(output)}"
            )

    def _state(self) -> str:
        return self._facts()["ActiveState"]

    def _facts(self) -> dict[str, str]:
        shown = self._systemctl("show", "--property=LoadState,ActiveState,SubState,Type,RemainAfterExit", self._unit)
        facts = {"ActiveState": ""} | dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        if facts.get("LoadState") == "masked":
            raise PlatformError(
                f"l'unité {self._unit} du service « {self.name} » est masquée ; « systemctl unmask {self._unit} »,"
                " ou retirez-la de platform.services"
            )
        if facts.get("LoadState") != "loaded":
            raise PlatformError(
                f"l'unité {self._unit} du service « {self.name} » est inconnue de systemd"
                f" ({facts.get('LoadState', shown.strip() or 'sans réponse')}) ; corrigez platform.services"
            )
        return facts

    def _systemctl(self, *arguments: str) -> str:
        """What systemctl printed; PlatformError where it cannot be run or hangs. Its verdict is in the unit's state."""
        try:
            done = subprocess.run(
                ["systemctl", "--no-ask-password", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self._timeout + KILL_PATIENCE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PlatformError(f"systemctl {' '.join(arguments)} ne répond pas : {error}") from error
        return done.stdout.decode("utf-8", errors="replace")


def _is_job(facts: dict[str, str]) -> bool:
    """Whether the unit is one that works and ends (systemd.service(5), Type=oneshot)."""
    return facts.get("Type") == "oneshot" and facts.get("RemainAfterExit") != "yes"


def hold_drop_in(hold: Path) -> str:
    """The drop-in by which a unit does not start while `hold` is there (systemd.unit(5), ConditionPathExists)."""
    escaped = str(hold).replace("%", "%%")
    why = "# Écrit par Superviseur OSPI : retient ce service pendant une mise à jour."
    return f"{why}\n[Unit]\nConditionPathExists=!{escaped}\n"


def full_name(unit: str) -> str:
    """A unit's name with its type, as systemctl understands a short one."""
    return unit if re.search(r"\.[a-z]+$", unit) else f"{unit}.service"


def _wait(reached: Callable[[], bool], seconds: float) -> bool:
    """Whether `reached` comes true within `seconds`; looked at once at least, often at first: users are waiting."""
    deadline = time.monotonic() + seconds
    pause = FIRST_POLL_SECONDS
    while not reached():
        if time.monotonic() + pause > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, LAST_POLL_SECONDS)
    return True


def _read(descriptor: int) -> str:
    """The end of a file that a command wrote to."""
    with open(descriptor, "rb", closefd=False) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4096))
        return file.read().decode("utf-8", errors="replace")


def _last_lines(output: str) -> str:
    """The last lines of a command's output, to be put behind a message."""
    lines: Sequence[str] = [line.strip() for line in output.splitlines() if line.strip()]
    return f" : {' / '.join(lines[-LAST_LINES:])}" if lines else ""
