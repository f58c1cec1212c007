"""All that the web, the command line and the midnight job may ask for.

Nothing here acts on the platform: a request is written to `web.db`, the worker is rung, and judges it anew.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from ospi_supervisor import __version__
from ospi_supervisor.archive.header import Header
from ospi_supervisor.archive.reader import check_base_listing
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.acceptance import (
    check_applicable,
    check_newer,
    check_not_locked,
    check_nothing_waits,
    check_own,
    check_turn_is_free,
)
from ospi_supervisor.domain.drill import Certificate
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT, Manifest
from ospi_supervisor.domain.plan import DataWeight, Room, room_needed
from ospi_supervisor.domain.prerequisites import Disk, Judgement, Requirements, judge
from ospi_supervisor.domain.requests import (
    AT_ONCE,
    Asked,
    Cancel,
    ChangeSetting,
    CheckRepository,
    DrillBackup,
    Import,
    MakeBackup,
    Resume,
    RunAutomaticUpdate,
    SendTestMail,
    Source,
    Terms,
    Unlock,
)
from ospi_supervisor.domain.settings import check_setting
from ospi_supervisor.domain.unlock import decode_code
from ospi_supervisor.errors import BusyError, RefusedError
from ospi_supervisor.operations.automatic import AutomaticView
from ospi_supervisor.operations.hours import Hours
from ospi_supervisor.operations.imports import Imports
from ospi_supervisor.operations.pardons import refused_rehearsals
from ospi_supervisor.operations.status import status_of
from ospi_supervisor.operations.uploads import Uploads, raise_if_refused
from ospi_supervisor.operations.validation import Validation
from ospi_supervisor.platform.machine import disks, machine_memory, measure
from ospi_supervisor.platform.maintenance import maintenance_page
from ospi_supervisor.platform.own_program import own_program
from ospi_supervisor.store.automatic_documents import StatusDocument
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_documents import UpdateSummary
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.request_codec import encode
from ospi_supervisor.store.topics import DATA_WEIGHT, DRILLS, INSTALLED_LISTING, DrillsDocument
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.system.zone import local_zone


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
        self.uploads = Uploads(config, self.web, trust=self.trust, verdicts=self.verdicts, clock=clock)
        self.imports = Imports(self.uploads, self.web, self.reader, self.request_import, clock)
        self.validation = Validation(config, self.reader, self._ask)
        self.hours = Hours(config.calendar.rules(local_zone), self.reader, self._ask, clock)
        self._asking_for_backup = Lock()

    def trust(self) -> Trust:
        """The newest root of trust that this server accepted."""
        return Trust.load(self._config.trust.root, self._config.paths.trust_dir)

    def installed_version(self) -> str:
        """The version that the link `current` names; PlatformError where it names none."""
        return Releases(self._config.platform.root).current()

    def verdicts(self, header: Header, to_come: int) -> list[Judgement]:
        """The prerequisites' verdicts on an archive of which `to_come` bytes are still to arrive; RefusedError where
        it, or any archive now, is out of question.
        """
        manifest = header.manifest
        if manifest.product == OWN_PRODUCT:
            self._check_own(manifest)
            return []
        installed = self.installed_version()
        check_applicable(manifest, self._config.platform.product, installed)
        check_not_locked(manifest.version, self.reader.locked_by(manifest.product, manifest.version))
        check_nothing_waits(self.reader.awaiting_intervention())
        published = self.reader.published(INSTALLED_LISTING)
        if published is not None and published[1].version == installed:  # else the worker will tell
            check_base_listing(manifest, published[1].sha256)
        room = room_needed(
            unpacked_bytes=manifest.unpacked_bytes,
            hooks_bytes=manifest.hooks_bytes,
            data=self._data_weight(),
            to_come=to_come,
        )
        facts = measure(self._config, installed, room)
        needs = Requirements(version=manifest.requires, os=manifest.os)
        return judge(facts, needs, self._config.prerequisites)

    def _check_own(self, manifest: Manifest) -> None:
        """RefusedError where this program cannot be put in the place of the one that runs."""
        if (program := own_program(self._config)) is None:
            raise RefusedError(
                "ce Superviseur n'a pas été installé par son fichier d'installation : il ne se met pas à jour lui-même",
                code="unsupported",
            )
        check_own(manifest, __version__, free=program.free_bytes())
        check_not_locked(manifest.version, self.reader.locked_by(manifest.product, manifest.version))
        check_nothing_waits(self.reader.awaiting_intervention())

    def disks(self) -> list[Disk]:
        """The file systems that an update uses, each once, as they are now."""
        return disks(self._config, Room())

    def memory(self) -> int:
        """The machine's memory, in bytes."""
        return machine_memory()

    def _data_weight(self) -> DataWeight:
        """As the worker published it last; nothing before it did."""
        published = self.reader.published(DATA_WEIGHT)
        return published[1] if published else DataWeight()

    def kept_notice(self, update: UpdateSummary) -> Path | None:
        """The notice that the worker kept of an update (as `EngineReader.update` gives it); None where it did not."""
        path = self._config.paths.notices_dir / f"{update['notice_sha256']}.pdf"
        return path if update["notice_sha256"] and path.exists() else None

    def request_import(self, upload_id: str, *, by: str, source: Source, terms: Terms = AT_ONCE) -> int:
        """Ask for the installation of a complete upload, on these terms; the request's number.

        RefusedError where its archive is refused or incomplete, its notice was not read or its version failed
        here, where another awaits an intervention, or the calendar forbids its hour; BusyError where it is to start
        now, be it to be prepared, and one is under way.
        """
        upload = self.uploads.get(upload_id)
        raise_if_refused(upload)
        if not upload.complete:
            raise RefusedError("l'archive n'est pas encore entièrement reçue ; attendez la fin", code="incomplete")
        if upload.notice_read_at is None:
            raise RefusedError("lisez d'abord la notice et cochez « J'ai lu la notice »", code="notice_not_read")
        version = None if upload.release is None else upload.release.version
        own = upload.release is not None and upload.release.product == OWN_PRODUCT
        if version is not None:
            product = OWN_PRODUCT if own else self._config.platform.product
            check_newer(version, __version__ if own else self.installed_version())
            check_not_locked(version, self.reader.locked_by(product, version))
        check_nothing_waits(self.reader.awaiting_intervention())
        self.hours.check(terms.hour)
        if terms.start_at is None:
            active = self.reader.active_update()
            check_turn_is_free(active, prepared=active is not None and active == self.reader.prepared_update())
        asked = Import(
            upload_id=upload_id,
            notice_sha256=upload.notice_sha256,
            notice_read_at=upload.notice_read_at,
            start_at=terms.start_at,
            switch_at=terms.switch_at,
            validate=terms.validate,
            version=version,
            own=own,
        )
        return self._request(asked, by=by, source=source)

    def request_cancel(self, update_id: int, *, by: str, source: Source) -> int:
        """Ask for the end of an update; the request's number. RefusedError where it is unknown, or has ended otherwise
        than by being cancelled."""
        update = self.reader.update(update_id)
        if update is None:
            raise RefusedError(f"il n'y a pas de mise à jour n° {update_id}", code="unknown")
        status = UpdateStatus(update["status"])
        if status.is_final and status is not UpdateStatus.CANCELLED:
            raise RefusedError(f"la mise à jour n° {update_id} est déjà terminée", code="too_late")
        return self._request(Cancel(update_id=update_id), by=by, source=source)

    def request_resume(self, update_id: int, *, by: str, source: Source) -> int:
        """Ask that an update that stopped for an intervention be taken up again; the request's number.

        RefusedError where it did not.
        """
        update = self.reader.update(update_id)
        if update is None or update["status"] != UpdateStatus.INTERVENTION:
            raise RefusedError(f"la mise à jour n° {update_id} n'attend pas d'intervention", code="not_stopped")
        return self._request(Resume(update_id=update_id), by=by, source=source)

    def challenges(self) -> list[str]:
        """What to send to the support, one text for each locked version, then for each refusal of a rehearsal;
        RefusedError where there is none."""
        found = [lock["challenge"] for lock in self.reader.locks()]
        found += refused_rehearsals(self.reader, self._config.platform.product)
        if not found:
            raise RefusedError("aucune version n'est verrouillée ; il n'y a rien à débloquer", code="not_locked")
        return found

    def request_unlock(self, code: str, *, by: str, source: Source) -> int:
        """Hand the support's code to the worker, who proves it; the request's number.

        RefusedError where it cannot be one, or nothing is locked.
        """
        decode_code(code)
        self.challenges()
        return self._request(Unlock(code=code), by=by, source=source)

    def request_setting(self, name: str, value: str, *, by: str, source: Source) -> int:
        """Ask that a setting be put in force; the request's number. RefusedError where it cannot have that value."""
        check_setting(name, value)
        return self._request(ChangeSetting(name=name, value=value), by=by, source=source)

    def request_automatic_check(self, *, by: str, source: Source) -> int:
        """Ask the worker to look at the vendor's repository, and test the way to it; the request's number."""
        return self._request(CheckRepository(), by=by, source=source)

    def request_automatic_run(self, *, by: str, source: Source) -> int:
        """Ask for the automatic update now, whatever the hour; the request's number."""
        return self._request(RunAutomaticUpdate(), by=by, source=source)

    def request_backup(self, *, by: str, source: Source) -> int:
        """Ask for a full backup, now; the request's number, that of the one before while the worker has not answered
        it. The worker answers when the backup is done."""
        with self._asking_for_backup:
            asked = self.web.last_request(MakeBackup.kind)
            if asked is not None and self.reader.answer(asked) is None:
                return asked
            return self._request(MakeBackup(), by=by, source=source)

    def request_drill(self, snapshot: str | None, *, by: str, source: Source) -> int:
        """Ask that a backup be proven by loading it beside the platform, the newest where none is named; the request's
        number. RefusedError where no backup can have that name; BusyError where one is being drilled."""
        try:
            asked = DrillBackup(snapshot=snapshot)
        except ValueError:
            raise RefusedError(f"« {snapshot} » n'est pas le nom d'une sauvegarde") from None
        if (at_work := self.drills().at_work) is not None:
            raise BusyError(f"l'épreuve de {at_work} est en cours ; attendez sa fin")
        return self._request(asked, by=by, source=source)

    def drills(self) -> DrillsDocument:
        """What the worker published of the drills of backups."""
        published = self.reader.published(DRILLS)
        return published[1] if published else DrillsDocument()

    def certificate(self, key: str) -> Certificate:
        """What a drill proved; RefusedError where there is no such certificate, or no more."""
        for certificate in self.drills().certificates:
            if certificate.key == key:
                return certificate
        raise RefusedError(f"il n'y a pas de certificat « {key} » ; « Sauvegardes » montre ceux qu'il y a", "unknown")

    def request_test_mail(self, *, by: str, source: Source) -> int:
        """Ask for a message to those who are told of an update's end; the request's number. RefusedError where nobody
        is."""
        if self._config.mail.smtp is None:
            raise RefusedError("aucun serveur de messagerie n'est configuré ; remplissez la table [mail]")
        return self._request(SendTestMail(), by=by, source=source)

    def maintenance_preview(self) -> str:
        """The maintenance page as users will see it at its beginning (HTML)."""
        return maintenance_page(self._config.platform.name, self._config.maintenance)

    def record_action(self, action: str, *, by: str, detail: str = "", allowed: bool = True) -> None:
        """One line of the « traçabilité » about something done, or refused, from the shell."""
        self.web.record_action(action, actor=by, now=self._clock(), detail=detail, allowed=allowed)

    def status(self) -> StatusDocument:
        """The document of `api/status`; `version` is None where the link `current` names no release."""
        return status_of(self._config, self.reader, self._clock())

    def _ask(self, asked: Asked, by: str, source: Source) -> int:
        return self._request(asked, by=by, source=source)

    def _request(self, asked: Asked, *, by: str, source: Source) -> int:
        number = self.web.add_request(asked.kind, encode(asked), source=source, by=by, now=self._clock())
        self._ring(number)
        return number
