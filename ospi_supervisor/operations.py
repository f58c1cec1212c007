"""All that the web, the command line and the midnight job may ask for.

Nothing here acts on the platform: a request is written to `web.db`, the worker is rung, and judges it anew.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from ospi_supervisor.archive.header import Header
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.automatic.facts import CHECK, RUN
from ospi_supervisor.automatic.view import AutomaticView
from ospi_supervisor.config import Config
from ospi_supervisor.domain.acceptance import check_applicable, check_newer, check_nothing_waits
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.plan import DataWeight, room_needed
from ospi_supervisor.domain.prerequisites import Judgement, Requirements, judge
from ospi_supervisor.domain.settings import check_setting
from ospi_supervisor.domain.unlock import decode_code
from ospi_supervisor.domain.versions import is_same
from ospi_supervisor.errors import BusyError, LockedVersionError, PlatformError, RefusedError
from ospi_supervisor.platform.machine import measure
from ospi_supervisor.platform.releases import Releases
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.published import DATA_WEIGHT
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.uploads import Uploads


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Operations:
    """What may be asked for. `ring` wakes the worker up for a request's number; it may fail to, silently."""

    def __init__(
        self, config: Config, ring: Callable[[int], None], *, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._config = config
        self._ring = ring
        self._clock = clock
        self.reader = EngineReader(sqlite_url(config.paths.engine_db))
        self.web = WebStore(sqlite_url(config.paths.web_db))
        self.automatic = AutomaticView(config, self.reader, self.installed_version, clock)
        self.uploads = Uploads(config, self.web, trust=self.trust, judge=self.judge, clock=clock)
        self._asking_for_backup = Lock()

    def trust(self) -> Trust:
        """The newest root of trust that this server accepted."""
        return Trust.load(self._config.trust.root, self._config.paths.trust_dir)

    def installed_version(self) -> str:
        """The version that the link `current` names; PlatformError where it names none."""
        return Releases(self._config.platform.root).current()

    def judge(self, header: Header, to_come: int) -> list[Judgement]:
        """The prerequisites' verdicts on an archive of which `to_come` bytes are still to arrive; RefusedError where
        it, or any archive now, is out of question.
        """
        manifest = header.manifest
        installed = self.installed_version()
        check_applicable(manifest, self._config.platform.product, installed)
        self._check_not_locked(manifest.product, manifest.version)
        check_nothing_waits(self._awaiting_intervention())
        room = room_needed(unpacked_bytes=manifest.unpacked_bytes, data=self._data_weight(), to_come=to_come)
        facts = measure(self._config, installed, room)
        needs = Requirements(version=manifest.requires, os=manifest.os)
        return judge(facts, needs, self._config.prerequisites)

    def _data_weight(self) -> DataWeight:
        """As the worker published it last; nothing before it did."""
        published = self.reader.published(DATA_WEIGHT)
        return DataWeight(**published[1]) if published else DataWeight()

    def kept_notice(self, update: Mapping[str, Any]) -> Path | None:
        """The notice that the worker kept of an update (as `EngineReader.update` gives it); None where it did not."""
        path = self._config.paths.notices_dir / f"{update['notice_sha256']}.pdf"
        return path if update["notice_sha256"] and path.exists() else None

    def request_import(self, upload_id: str, *, by: str, source: str, start_at: datetime | None) -> int:
        """Ask for the installation of a complete upload, now or at `start_at`; the request's number.

        RefusedError where its archive is refused or incomplete, its notice was not read or its version failed
        here, or where another awaits an intervention; BusyError where it is to start now and one is under way.
        """
        upload = self.uploads.get(upload_id)
        if upload.verdict == "refused":
            raise RefusedError(" ; ".join(upload.reasons), code=upload.code or "refused")
        if not upload.complete:
            raise RefusedError("l'archive n'est pas encore entièrement reçue ; attendez la fin", code="incomplete")
        if upload.notice_read_at is None:
            raise RefusedError("lisez d'abord la notice et cochez « J'ai lu la notice »", code="notice_not_read")
        version = None if upload.release is None else str(upload.release["version"])
        if version is not None:
            check_newer(version, self.installed_version())
            self._check_not_locked(self._config.platform.product, version)
        check_nothing_waits(self._awaiting_intervention())
        active = self.reader.active_update()
        if active is not None and start_at is None:
            raise BusyError(f"la mise à jour n° {active} est en cours ; attendez sa fin")
        payload = {
            "upload_id": upload_id,
            "notice_sha256": upload.notice_sha256,
            "notice_read_at": upload.notice_read_at.isoformat(),
            "start_at": start_at.isoformat() if start_at else None,
            "version": version,
        }
        return self._request("import", payload, by=by, source=source)

    def request_cancel(self, update_id: int, *, by: str, source: str) -> int:
        """Ask for the end of an update; the request's number. RefusedError where it is unknown, or has ended otherwise
        than by being cancelled."""
        update = self.reader.update(update_id)
        if update is None:
            raise RefusedError(f"il n'y a pas de mise à jour n° {update_id}", code="unknown")
        status = UpdateStatus(update["status"])
        if status.is_final and status is not UpdateStatus.CANCELLED:
            raise RefusedError(f"la mise à jour n° {update_id} est déjà terminée", code="too_late")
        return self._request("cancel", {"update_id": update_id}, by=by, source=source)

    def request_resume(self, update_id: int, *, by: str, source: str) -> int:
        """Ask that an update that stopped for an intervention be taken up again; the request's number.

        RefusedError where it did not.
        """
        update = self.reader.update(update_id)
        if update is None or update["status"] != UpdateStatus.INTERVENTION:
            raise RefusedError(f"la mise à jour n° {update_id} n'attend pas d'intervention", code="not_stopped")
        return self._request("resume", {"update_id": update_id}, by=by, source=source)

    def challenges(self) -> list[str]:
        """What to send to the support, one text for each locked version; RefusedError where none is locked."""
        locks = self.reader.locks()
        if not locks:
            raise RefusedError("aucune version n'est verrouillée ; il n'y a rien à débloquer", code="not_locked")
        return [lock["challenge"] for lock in locks]

    def request_unlock(self, code: str, *, by: str, source: str) -> int:
        """Hand the support's code to the worker, who proves it; the request's number.

        RefusedError where it cannot be one, or nothing is locked.
        """
        decode_code(code)
        self.challenges()
        return self._request("unlock", {"code": code}, by=by, source=source)

    def request_setting(self, name: str, value: str, *, by: str, source: str) -> int:
        """Ask that a setting be put in force; the request's number. RefusedError where it cannot have that value."""
        check_setting(name, value)
        return self._request("setting", {"name": name, "value": value}, by=by, source=source)

    def request_automatic_check(self, *, by: str, source: str) -> int:
        """Ask the worker to look at the vendor's repository, and test the way to it; the request's number."""
        return self._request(CHECK, {}, by=by, source=source)

    def request_automatic_run(self, *, by: str, source: str) -> int:
        """Ask for the automatic update now, whatever the hour; the request's number."""
        return self._request(RUN, {}, by=by, source=source)

    def request_backup(self, *, by: str, source: str) -> int:
        """Ask for a full backup, now; the request's number, that of the one before while the worker has not answered
        it. The worker answers when the backup is done."""
        with self._asking_for_backup:
            asked = [request.id for request in self.web.requests_after(0) if request.kind == "backup"]
            if asked and self.reader.answer(asked[-1]) is None:
                return asked[-1]
            return self._request("backup", {}, by=by, source=source)

    def record(self, action: str, *, by: str, detail: str = "", allowed: bool = True) -> None:
        """One line of the « traçabilité » about something done, or refused, from the shell."""
        self.web.record(action, actor=by, now=self._clock(), detail=detail, allowed=allowed)

    def status(self) -> dict[str, Any]:
        """The document of `api/status`; `version` is None where the link `current` names no release."""
        locks = self.reader.locks()
        try:
            version: str | None = self.installed_version()
        except PlatformError:
            version = None
        return {
            "product": self._config.platform.product,
            "version": version,
            "worker": "up" if self.reader.worker_alive(self._clock()) else "down",
            "maintenance": self._config.maintenance.flag.exists(),
            "update": self.reader.active_update(),
            "lock": locks[-1] if locks else None,
        }

    def _awaiting_intervention(self) -> int | None:
        """The update that stopped for one, and that the support did not release: its lock holds."""
        for lock in self.reader.locks():
            update = self.reader.update(lock["update_id"])
            if update is not None and update["status"] == UpdateStatus.INTERVENTION:
                return int(update["id"])
        return None

    def _check_not_locked(self, product: str, version: str) -> None:
        for lock in self.reader.locks():
            if lock["product"] == product and is_same(lock["version"], version):
                raise LockedVersionError(
                    f"la version {version} a déjà échoué sur cette plateforme (mise à jour n° {lock['update_id']}) et"
                    " ne peut pas être relancée ; contactez le support",
                    code="locked",
                )

    def _request(self, kind: str, payload: dict[str, Any], *, by: str, source: str) -> int:
        number = self.web.add_request(kind, payload, source=source, by=by, now=self._clock())
        self._ring(number)
        return number
