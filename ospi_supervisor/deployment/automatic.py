"""What both sides of the automatic update know of this server, and the records that pass between them."""

from datetime import date, datetime, timedelta, tzinfo

import msgspec

from ospi_supervisor.config.tables import AutomaticUpdateTable, Config
from ospi_supervisor.domain.eligibility import ServerFacts
from ospi_supervisor.domain.offers import CALL_SUPPORT, Offer, repository_url
from ospi_supervisor.domain.outlook import Blocked, Outlook
from ospi_supervisor.domain.schedule import NightlyPlan, stable_delay
from ospi_supervisor.domain.settings import InForce
from ospi_supervisor.errors import FeedError, in_words
from ospi_supervisor.feed.probe import Link, Probe
from ospi_supervisor.platform.machine import operating_system
from ospi_supervisor.store.automatic_documents import (
    AvailableDocument,
    CheckDocument,
    LinkDocument,
    OutlookDocument,
    OwnDocument,
    RunDocument,
)

REQUESTED_BY = "mise à jour automatique"


def server_facts(table: AutomaticUpdateTable, installed: str, settings: InForce) -> ServerFacts:
    """What eligibility asks of the server itself."""
    system = operating_system()
    return ServerFacts(
        installed=installed,
        os_id=system.id,
        os_version=system.version,
        os_name=system.name,
        systems=tuple(table.hosts),
        automatic=settings.automatic,
        security=settings.security,
    )


def repository_of(table: AutomaticUpdateTable) -> str | None:
    """The address of the repository for this server's system; None where none is configured."""
    system = operating_system()
    return repository_url(table.hosts, system.id, system.version)


def nightly_plan(config: Config, server_id: str, zone: tzinfo) -> NightlyPlan:
    """When this server's runs start."""
    table = config.automatic_update
    delay = stable_delay(server_id, timedelta(minutes=table.jitter))
    calendar = config.calendar.rules(lambda: zone).calendar
    return NightlyPlan(zone=zone, hour=table.hour, delay=delay, calendar=calendar)


def check_document(
    found: Probe, outlooks: tuple[Outlook, Outlook] | None, repository: str, now: datetime
) -> CheckDocument:
    """What a check found, as it is recorded and shown. `outlooks` are what the repository holds for this platform, and
    for this very program."""
    outlook, own = outlooks or (None, None)
    broken = next((link for link in found.links if link.error), None)
    return {
        "at": now.isoformat(),
        "repository": repository,
        "links": [_link(link) for link in found.links],
        "error": broken.error if broken else "",
        "fresh_until": found.catalogue.fresh_until.isoformat() if found.catalogue else None,
        "available": _available(outlook.offer) if outlook and outlook.offer else None,
        "outlook": _outlook(outlook) if outlook else None,
        "own": _own(own) if own else None,
    }


def _own(outlook: Outlook) -> OwnDocument:
    offer = outlook.offer
    return {"available": _available(offer) if offer else None, "outlook": _outlook(outlook)}


def _available(offer: Offer) -> AvailableDocument:
    return {
        "version": offer.version,
        "kind": offer.kind.value,
        "base": offer.base,
        "size": offer.size,
        "severity": offer.severity.value if offer.severity else None,
        "fixes": list(offer.fixes),
        "support_until": offer.support_until.isoformat() if offer.support_until else None,
    }


def _link(link: Link) -> LinkDocument:
    return {
        "name": link.name,
        "label": link.label,
        "seconds": link.seconds,
        "detail": link.detail,
        "error": link.error,
        "remedy": link.remedy,
        "later": link.later,
    }


def _outlook(outlook: Outlook) -> OutlookDocument:
    blocked = outlook.blocked
    return {
        "path": list(outlook.path),
        "blocked": None
        if blocked is None
        else {
            "version": blocked.version,
            "obstacle": blocked.obstacle.value,
            "reason": blocked.reason,
            "cure": blocked.cure,
            "waits": blocked.waits,
        },
    }


def recorded_outlook(check: CheckDocument | OwnDocument) -> Outlook | None:
    """The outlook in a recorded check, its archive aside; None where an earlier program recorded none."""
    found = check.get("outlook")
    if found is None:
        return None
    blocked = msgspec.convert(found["blocked"], Blocked | None)
    return Outlook(path=tuple(found["path"]), blocked=blocked)


def failed_check(error: Exception, repository: str, now: datetime) -> CheckDocument:
    """The same where the check itself failed, whatever made it fail: what was found before is not true any more."""
    problem, remedy = in_words(error), CALL_SUPPORT
    if isinstance(error, FeedError):
        problem, remedy = error.problem, error.remedy
    link = Link(name="metadata", label="Informations du dépôt", error=problem, remedy=remedy)
    return check_document(Probe(links=(link,), catalogue=None), None, repository, now)


def run_document(now: datetime, night: date | None, message: str, *, update_id: int | None, ok: bool) -> RunDocument:
    """How a run ended: `ok` where an update began or there was nothing to do. `night` is None from the shell."""
    return {
        "at": now.isoformat(),
        "night": night.isoformat() if night else None,
        "message": message,
        "update": update_id,
        "ok": ok,
    }
