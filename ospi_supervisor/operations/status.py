"""The state of the platform in one document, from what is recorded and what is there: little to load, for the shell."""

from datetime import datetime

import msgspec

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.events import RESTORE_STOPPED, RESTORING, STATUS_FILE
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.operations.validation import waits
from ospi_supervisor.store.automatic_documents import RestorationDocument, StatusDocument, WaitDocument
from ospi_supervisor.store.engine_reader import EngineReader


class _Told(msgspec.Struct):
    """What is read of the maintenance page's `status.json`."""

    phase: str
    percent: float
    message: str


def _restoration(config: Config) -> RestorationDocument | None:
    """The restoration by hand of which the maintenance page tells; None where it tells of none."""
    try:
        told = msgspec.json.decode((config.maintenance.page_dir / STATUS_FILE).read_bytes(), type=_Told)
    except (OSError, msgspec.DecodeError):  # a courtesy, which may be missing
        return None
    if told.phase not in (RESTORING, RESTORE_STOPPED):
        return None
    return {"step": told.message, "percent": told.percent, "stopped": told.phase == RESTORE_STOPPED}


def _wait(reader: EngineReader, number: int | None) -> WaitDocument | None:
    """What the update under way waits for, and until when; None where it works, or there is none."""
    update = None if number is None else reader.update(number)
    if update is None:
        return None
    if update["status"] == UpdateStatus.PREPARED:
        return {"for": "hour", "until": update["switch_at"]}
    if update["validation"] is not None and waits(update) and update["validation"]["verdict"] is None:
        return {"for": "validation", "until": update["validation"]["until"]}
    return None


def status_of(config: Config, reader: EngineReader, now: datetime) -> StatusDocument:
    """The document of `api/status`; `version` is None where the link `current` names no release."""
    locks = reader.locks()
    try:
        version: str | None = Releases(config.platform.root).current()
    except PlatformError:
        version = None
    active = reader.active_update()
    return {
        "product": config.platform.product,
        "version": version,
        "worker": "up" if reader.worker_alive(now) else "down",
        "maintenance": config.maintenance.flag.exists(),
        "restoration": _restoration(config) if config.maintenance.flag.exists() else None,
        "update": active,
        "waiting": _wait(reader, active),
        "lock": locks[-1] if locks else None,
    }
