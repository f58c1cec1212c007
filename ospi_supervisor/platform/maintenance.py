"""The maintenance switch: a flag that the reverse proxy watches, and the folder of the page that it serves."""

import html
import json
import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil

from ospi_supervisor import __version__
from ospi_supervisor.config.tables import MaintenanceTable
from ospi_supervisor.domain.announcement import Announcement
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.events import ANNOUNCE_FILE, ANNOUNCE_SCRIPT, STATUS_FILE
from ospi_supervisor.domain.typography import typeset_html
from ospi_supervisor.errors import ConfigurationError, PlatformError
from ospi_supervisor.platform.health import Health
from ospi_supervisor.system.files import fsync_dir, write_atomically

PAGES_SOURCE = Path(__file__).resolve().parents[1] / "maintenance_page"
PAGE = "index.html"
UNAVAILABLE = "unavailable.html"
"""What the proxy shows where the platform does not answer and no maintenance is on."""
STATUS_FORMAT = 2
"""Of `status.json`; that of version 0.1.0 did not say it. Fields are only added: the page shows those that it knows."""
CONFIRM_SECONDS = 10.0
CONFIRM_POLL_SECONDS = 0.05
STATUS_PERIOD_SECONDS = 0.25
EMPTIED_BY_A_REBOOT = tuple(Path(name) for name in ("/run", "/var/run", "/tmp", "/dev"))  # noqa: S108 - refused below
VOLATILE_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs", "devtmpfs"})


class MaintenanceSwitch:
    """Shows users the maintenance page instead of the platform, and looks through the public address that it is so."""

    def __init__(
        self,
        table: MaintenanceTable,
        health: Health,
        name: str = "La plateforme",
        patience: float = CONFIRM_SECONDS,
    ) -> None:
        """`patience`: how many seconds the page, or the platform, may take to be what users see."""
        self._patience = patience
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
                page = maintenance_page(self._name, self._table, name)
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
            "format": STATUS_FORMAT,
            "written_by": __version__,
            "phase": phase,
            "percent": round(percent, 1),
            "started_at": _instant(started_at),
            "expected_end_at": _instant(expected_end_at),
            "message": message,
        }
        self._make_page_dir()
        path = self._table.page_dir / STATUS_FILE
        temporary = path.with_name(f".{STATUS_FILE}.new")
        temporary.unlink(missing_ok=True)
        with temporary.open("x", encoding="utf-8") as file:  # made anew: a link there is not followed
            os.fchmod(file.fileno(), 0o644)
            file.write(json.dumps(document, ensure_ascii=False))
        temporary.replace(path)
        self._status_written = (phase, now)

    def announce(self, announcement: Announcement | None) -> None:
        """Have users told of an interruption to come, or of none, and put what shows it beside; OSError. Nothing is
        written where it stands there already."""
        self._make_page_dir()
        told = {}
        if announcement is not None:
            told = {
                "from": _instant(announcement.begins),
                "until": _instant(announcement.ends),
                "message": announcement.message,
            }
        script = (PAGES_SOURCE / ANNOUNCE_SCRIPT).read_bytes()
        wanted = {ANNOUNCE_SCRIPT: script, ANNOUNCE_FILE: json.dumps(told, ensure_ascii=False).encode()}
        for name, data in wanted.items():
            path = self._table.page_dir / name
            if not path.is_file() or path.read_bytes() != data:
                write_atomically(path, data)

    def show(self) -> None:
        """Raise the flag, and look until users see the page; PlatformError with what they see otherwise.

        The flag is up then all the same: whoever raised it says so, or takes it back.
        """
        self.on()
        self.confirm(True)

    def hide(self, patience: float | None = None) -> None:
        """Give users the platform again: look, lower the flag, look. PlatformError: then the page is in place.

        Where the reverse proxy does not answer nothing is lowered: on its return it would show the platform, while
        everybody was told that the page is there.
        """
        if self.is_on():
            self._wait_until_seen(("maintenance", "platform"), patience)
        try:
            self.off()
            self.confirm(False, patience)
        except PlatformError as error:
            self.on()
            raise PlatformError(f"{error} ; la page de maintenance reste en place") from error

    def on(self) -> None:
        """Raise the flag, durably: from now on the reverse proxy serves the page. PlatformError."""
        try:
            self._table.flag.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            # An empty file: it can be made on a full disk too. A link there is not followed.
            os.close(os.open(self._table.flag, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644))
            fsync_dir(self._table.flag.parent)
        except OSError as error:
            raise PlatformError(f"impossible d'écrire {self._table.flag} : {error.strerror}") from error

    def off(self) -> None:
        """Lower the flag, durably. PlatformError."""
        try:
            self._table.flag.unlink(missing_ok=True)
            if self._table.flag.parent.exists():  # not before the page was shown for the first time
                fsync_dir(self._table.flag.parent)
        except OSError as error:
            raise PlatformError(f"impossible de retirer {self._table.flag} : {error.strerror}") from error
        self.forget_status()

    def forget_status(self) -> None:
        """Tell of no update any more. Where that fails nothing is lost: the next page begins with its own."""
        with suppress(OSError):
            (self._table.page_dir / STATUS_FILE).unlink(missing_ok=True)

    def is_on(self) -> bool:
        """Whether the flag is up."""
        return self._table.flag.exists()

    def is_seen(self) -> bool:
        """Whether users see what is asked for now."""
        return self._health.public() == ("maintenance" if self.is_on() else "platform")

    def state(self) -> str:
        """What is there now, as a sentence's part: what was asked of the reverse proxy, and what users see."""
        asked = "demandée" if self.is_on() else "retirée"
        return f"la page de maintenance est {asked}, et les utilisateurs voient : {_in_words(self._health.public())}"

    def confirm(self, on: bool, patience: float | None = None) -> None:
        """Look as a user would, until the page is there (or the platform again), for `patience` seconds at most;
        PlatformError."""
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        while (seen := self._health.public()) != ("maintenance" if on else "platform"):
            if time.monotonic() > deadline:
                raise PlatformError(_disappointment(on, seen))
            time.sleep(CONFIRM_POLL_SECONDS)

    def _wait_until_seen(self, wanted: tuple[str, ...], patience: float | None) -> None:
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        while (seen := self._health.public()) not in wanted:
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"l'adresse publique ne montre ni la plateforme ni la page de maintenance ({seen}) ; vérifiez le"
                    " serveur mandataire ; la page de maintenance reste en place"
                )
            time.sleep(CONFIRM_POLL_SECONDS)


def maintenance_page(platform: str, table: MaintenanceTable, name: str = PAGE) -> str:
    """The page of that name with the platform's name, the message and the contact (HTML); OSError."""
    page = (PAGES_SOURCE / name).read_text(encoding="utf-8")
    for mark, text in (("{{name}}", platform), ("{{message}}", table.message), ("{{contact}}", table.contact)):
        page = page.replace(mark, html.escape(text))
    return typeset_html(page)


def is_emptied_by_a_reboot(path: Path) -> bool:
    """Whether `path`, its links followed, lies in memory or where the system cleans up when it boots."""
    real = path.resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    mount = next(folder for folder in (real, *real.parents) if folder in mounts or folder == Path(os.sep))
    below = any(real.is_relative_to(folder) for folder in EMPTIED_BY_A_REBOOT)
    return below or mounts.get(mount) in VOLATILE_FILE_SYSTEMS


def _disappointment(on: bool, seen: str) -> str:
    words = _in_words(seen)
    if on:
        return (
            f"la page de maintenance n'est pas ce que les utilisateurs voient ({words}) ;"
            f" vérifiez la configuration du serveur mandataire (« {command_line('proxy')} »)"
        )
    return f"la plateforme n'est pas ce que les utilisateurs voient ({words})"


def _in_words(seen: str) -> str:
    return {"platform": "la plateforme", "maintenance": "la page de maintenance"}.get(seen, seen)


def _instant(value: datetime | None) -> str | None:
    """In the server's own time zone, whose hour and offset readers see as they stand."""
    return None if value is None else value.astimezone().isoformat(timespec="seconds")
