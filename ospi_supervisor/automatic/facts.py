"""What both sides of the automatic update know of this server, and the records that pass between them."""

from dataclasses import asdict
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from ospi_supervisor.config import AutomaticUpdateTable
from ospi_supervisor.domain.eligibility import ServerFacts
from ospi_supervisor.domain.offers import Offer, repository_url
from ospi_supervisor.domain.schedule import NightlyPlan, stable_delay
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE, updates_itself
from ospi_supervisor.feed.probe import Probe
from ospi_supervisor.platform.machine import operating_system

REQUESTED_BY = "mise à jour automatique"
SOURCE = "automatic"
CHECK, RUN = "auto_check", "auto_run"
"""The kinds of the requests that `automatic.nightly` answers."""


def server_facts(table: AutomaticUpdateTable, installed: str, setting: str | None) -> ServerFacts:
    """What eligibility asks of the server itself; `setting` is the value of `update.auto.disable`, if ever changed."""
    system = operating_system()
    return ServerFacts(
        installed=installed,
        os_id=system.id,
        os_version=system.version,
        os_name=system.name,
        systems=tuple(table.hosts),
        automatic=updates_itself(setting or AUTOMATIC_UPDATE.default),
    )


def repository_of(table: AutomaticUpdateTable) -> str | None:
    """The address of the repository for this server's system; None where none is configured."""
    system = operating_system()
    return repository_url(table.hosts, system.id, system.version)


def nightly_plan(table: AutomaticUpdateTable, server_id: str, zone: tzinfo) -> NightlyPlan:
    """When this server's runs start."""
    delay = stable_delay(server_id, timedelta(minutes=table.jitter))
    return NightlyPlan(zone=zone, hour=table.hour, delay=delay)


def check_document(found: Probe, offer: Offer | None, repository: str, now: datetime) -> dict[str, Any]:
    """What a check found, as it is recorded and shown. `offer` is what suits this server best."""
    broken = next((link for link in found.links if link.error), None)
    return {
        "at": now.isoformat(),
        "repository": repository,
        "links": [asdict(link) for link in found.links],
        "error": broken.error if broken else "",
        "fresh_until": found.catalogue.fresh_until.isoformat() if found.catalogue else None,
        "available": {"version": offer.version, "kind": offer.kind.value, "base": offer.base, "size": offer.size}
        if offer
        else None,
    }


def run_document(now: datetime, night: date | None, message: str, *, update_id: int | None, ok: bool) -> dict[str, Any]:
    """How a run ended: `ok` where an update began or there was nothing to do. `night` is None from the shell."""
    return {
        "at": now.isoformat(),
        "night": night.isoformat() if night else None,
        "message": message,
        "update": update_id,
        "ok": ok,
    }
