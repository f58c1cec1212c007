"""What users are told beforehand: only what they will feel, and until they do."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.worker.announcements import Announcer
from tests.support.site import Site, now

HOUR = timedelta(hours=1)
Told = Callable[[timedelta], dict[str, str]]


@pytest.fixture
def told(site: Site) -> Told:
    """What `annonce.json` says so long from now, two hours before an interruption at the earliest."""

    def look(after: timedelta = timedelta()) -> dict[str, str]:
        switch = MaintenanceSwitch(site.config.maintenance, cast(Health, SimpleNamespace()))
        Announcer(site.operations.reader, switch, 120, lambda: 600.0, lambda: now() + after).publish()
        path = site.config.maintenance.page_dir / "annonce.json"
        return cast(dict[str, str], json.loads(path.read_text(encoding="utf-8")))

    return look


def instants(document: dict[str, Any]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(value) for name, value in document.items() if name != "message"}


def test_an_hour_for_the_page_is_told_as_it_is(site: Site, told: Told) -> None:
    at = (now() + HOUR).replace(microsecond=0)
    site.prepared(at)
    assert instants(told(timedelta())) == {"from": at, "until": at + timedelta(minutes=15)}


def test_one_that_begins_at_an_hour_is_told_from_that_hour_on(site: Site, told: Told) -> None:
    at = (now() + HOUR).replace(microsecond=0)
    site.planned(at)
    assert instants(told(timedelta())) == {"from": at, "until": at + timedelta(minutes=15)}


def test_nothing_is_told_of_an_update_that_waits_for_an_hour_to_be_chosen(site: Site, told: Told) -> None:
    number = site.planned(now() + HOUR)
    site.engine.begin(number, "11.5.0", now())
    site.engine.hold(number, None, now())
    assert told(HOUR) == {}


def test_nothing_is_told_of_an_update_of_this_very_program(site: Site, told: Told) -> None:
    number = site.planned(now() + HOUR)
    site.engine.set_version(number, OWN_PRODUCT, "99.0")
    assert told(HOUR) == {}
    at = (now() + 2 * HOUR).replace(microsecond=0)
    site.planned(at)
    site.engine.begin(number, "1.0", now())
    assert instants(told(HOUR))["from"] == at, "that of the platform is told beside it"
    site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    assert instants(told(HOUR))["from"] == at
