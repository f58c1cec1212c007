"""The maintenance switch: a flag that the reverse proxy watches, and the folder of the page that it serves."""

import html
import json
import os
import time
from datetime import datetime
from pathlib import Path

import psutil

from ospi_supervisor.config import MaintenanceTable
from ospi_supervisor.errors import ConfigurationError, PlatformError
from ospi_supervisor.files import fsync_dir, write_atomically
from ospi_supervisor.platform.health import Health

PAGES_SOURCE = Path(__file__).resolve().parents[1] / "maintenance_page"
PAGE = "index.html"
UNAVAILABLE = "unavailable.html"
"""What the proxy shows where the platform does not answer and no maintenance is on."""
STATUS = "status.json"
CONFIRM_SECONDS = 10.0
CONFIRM_POLL_SECONDS = 0.05
STATUS_PERIOD_SECONDS = 0.25
EMPTIED_BY_A_REBOOT = tuple(Path(name) for name in ("/run", "/var/run", "/tmp", "/dev"))  # noqa: S108 - refused below
VOLATILE_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs", "devtmpfs"})


class MaintenanceSwitch:
    """Shows users the maintenance page instead of the platform, and looks through the public address that it is so."""

    def __init__(self, table: MaintenanceTable, health: Health, name: str = "La plateforme") -> None:
        self._table = table
        self._health = health
        self._name = name
        self._status_written = ("", 0.0)

    def check(self) -> None:
        """ConfigurationError where the flag or the page would not survive a reboot: the page must come back with it."""
        for key, path in (("flag", self._table.flag), ("page_dir", self._table.page_dir)):
            if is_emptied_by_a_reboot(path):
                raise ConfigurationError(
                    f"maintenance.{key} ({path}) est dans un dossier qu'un redémarrage vide ;"
                    " choisissez par exemple /var/lib/ospi-supervisor/maintenance"
                )

    def prepare(self) -> None:
        """Put the pages in their folder, with the platform's name, the message and the contact. PlatformError."""
        try:
            self._make_page_dir()
            for name in (PAGE, UNAVAILABLE):
                page = self._filled((PAGES_SOURCE / name).read_text(encoding="utf-8"))
                write_atomically(self._table.page_dir / name, page.encode())
        except OSError as error:
            raise PlatformError(
                f"impossible de préparer la page de maintenance dans {self._table.page_dir} : {error.strerror}"
            ) from error

    def _make_page_dir(self) -> None:
        """The folder, open to the web server's account whatever the umask of who runs this."""
        if not self._table.page_dir.is_dir():
            self._table.page_dir.mkdir(parents=True)
            self._table.page_dir.chmod(0o755)

    def _filled(self, page: str) -> str:
        for mark, text in (
            ("{{name}}", self._name),
            ("{{message}}", self._table.message),
            ("{{contact}}", self._table.contact),
        ):
            page = page.replace(mark, html.escape(text))
        return page

    def write_status(
        self,
        phase: str,
        percent: float,
        started_at: datetime | None,
        expected_end_at: datetime | None,
        message: str,
    ) -> None:
        """Replace `status.json`, which the page shows; OSError. Calls in quick succession within a phase are skipped.

        Atomic but not synced: a reader sees a whole document, and after a power cut the page does without.
        """
        now = time.monotonic()
        last_phase, last_time = self._status_written
        if phase == last_phase and now - last_time < STATUS_PERIOD_SECONDS:
            return
        document = {
            "phase": phase,
            "percent": round(percent, 1),
            "started_at": _instant(started_at),
            "expected_end_at": _instant(expected_end_at),
            "message": message,
        }
        self._make_page_dir()
        path = self._table.page_dir / STATUS
        temporary = path.with_name(f".{STATUS}.new")
        temporary.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        temporary.chmod(0o644)
        temporary.replace(path)
        self._status_written = (phase, now)

    def on(self) -> None:
        """Raise the flag, durably: from now on the reverse proxy serves the page. PlatformError."""
        try:
            self._table.flag.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._table.flag.touch()  # an empty file: it can be made on a full disk too
            fsync_dir(self._table.flag.parent)
        except OSError as error:
            raise PlatformError(f"impossible d'écrire {self._table.flag} : {error.strerror}") from error

    def off(self) -> None:
        """Lower the flag, durably. PlatformError."""
        try:
            self._table.flag.unlink(missing_ok=True)
            fsync_dir(self._table.flag.parent)
            (self._table.page_dir / STATUS).unlink(missing_ok=True)
        except OSError as error:
            raise PlatformError(f"impossible de retirer {self._table.flag} : {error.strerror}") from error

    def is_on(self) -> bool:
        """Whether the flag is up."""
        return self._table.flag.exists()

    def confirm(self, on: bool, patience: float = CONFIRM_SECONDS) -> None:
        """Look as a user would, until the page is there (or the platform again), for `patience` seconds at most;
        PlatformError."""
        wanted = "maintenance" if on else "platform"
        deadline = time.monotonic() + patience
        while (seen := self._health.public()) != wanted:
            if time.monotonic() > deadline:
                raise PlatformError(_disappointment(on, seen))
            time.sleep(CONFIRM_POLL_SECONDS)


def is_emptied_by_a_reboot(path: Path) -> bool:
    """Whether `path`, its links followed, lies in memory or where the system cleans up when it boots."""
    real = path.resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    mount = next(folder for folder in (real, *real.parents) if folder in mounts or folder == Path(os.sep))
    below = any(real.is_relative_to(folder) for folder in EMPTIED_BY_A_REBOOT)
    return below or mounts.get(mount) in VOLATILE_FILE_SYSTEMS


def _disappointment(on: bool, seen: str) -> str:
    words = {"platform": "la plateforme", "maintenance": "la page de maintenance"}.get(seen, seen)
    if on:
        return (
            f"la page de maintenance n'est pas ce que les utilisateurs voient ({words}) ;"
            " vérifiez la configuration du serveur mandataire (« ospi-supervisor proxy »)"
        )
    return f"la plateforme n'est pas ce que les utilisateurs voient ({words})"


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="seconds")
