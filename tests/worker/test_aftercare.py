"""After a success the health check goes on: a silence is told once, by mail, page and `check`; nothing goes back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler

import msgspec
import pytest

from ospi_supervisor.administration.checks.at_work import afterwards
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config, MailTable, ValidationTable
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.platform.health import Health
from ospi_supervisor.store.topics import AFTERCARE
from ospi_supervisor.worker.aftercare import LOOKS_BEFORE_ALARM, Aftercare
from tests.platform.conftest import Stub, make_stub, reply
from tests.support.site import Site, now
from tests.support.smtp_server import Post, a_post

__all__ = ["make_stub"]


class World:
    """A platform that answers or not, an update that succeeded, and the worker's look each minute."""

    def __init__(self, site: Site, stub: Stub, port: int) -> None:
        self.site, self.stub = site, stub
        self.now = now()
        self.number = site.update()
        site.phase(self.number, Phase.VERIFY, PhaseStatus.DONE)
        site.engine.finish(self.number, UpdateStatus.SUCCEEDED, self.now)
        self.care = self.started(port)

    def started(self, port: int, watch_minutes: int = 60) -> Aftercare:
        """As a worker that has just been started."""
        mail = MailTable(smtp=f"127.0.0.1:{port}", recipients=("dsi@hopital.example",))
        platform = msgspec.structs.replace(self.site.config.platform, health_url=f"{self.stub.url}/health")
        validation = ValidationTable(watch_minutes=watch_minutes)
        self.config: Config = msgspec.structs.replace(
            self.site.config, mail=mail, platform=platform, validation=validation
        )
        reader = self.site.operations.reader
        return Aftercare(self.config, self.site.engine, reader, Health(platform), lambda: "11.6.0", lambda: self.now)

    def minutes(self, count: int) -> None:
        """So many looks."""
        for _ in range(count):
            self.now += timedelta(minutes=1)
            self.care.look()

    @property
    def trouble(self) -> str | None:
        found = self.site.operations.reader.published(AFTERCARE)
        return None if found is None else found[1].trouble

    def journal(self) -> list[str]:
        return [str(event.data.get("message")) for event in self.site.operations.reader.events(self.number)]


def well(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, json.dumps({"version": "11.6.0"}).encode())


def silent(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 500, b"")


@pytest.fixture
def post() -> Iterator[Post]:
    with a_post() as post:
        yield post


@pytest.fixture
def world(site: Site, make_stub: Callable[..., Stub], post: Post) -> World:
    return World(site, make_stub(well), post.port)


def test_a_platform_that_stops_answering_raises_one_alarm_and_nothing_goes_back(world: World, post: Post) -> None:
    world.minutes(5)
    assert world.trouble is None
    world.stub.handle = silent
    world.minutes(LOOKS_BEFORE_ALARM - 1)
    assert world.trouble is None
    world.minutes(10)
    assert "répond 500" in (world.trouble or "")
    assert len(post.letters) == 1
    assert sum("La plateforme ne répond plus" in line for line in world.journal()) == 1
    world.site.engine.beat(now(), 1)
    admin = world.site.browser()
    assert "La plateforme ne répond plus, alors que la mise à jour avait réussi." in admin.get("").text
    assert "La plateforme ne répond plus" in admin.get("sauvegardes").text
    [(grade, words)] = list(afterwards(world.config, make_adapters(world.config)))
    assert (grade, "mise à jour n° 1 vers 11.6.0" in words) == (Grade.ERROR, True)
    assert world.site.operations.reader.update(1)["status"] == "succeeded"  # type: ignore[index]
    assert world.site.operations.reader.active_update() is None


def test_its_return_is_told_too_whenever_it_comes(world: World, post: Post) -> None:
    world.stub.handle = silent
    world.minutes(LOOKS_BEFORE_ALARM + 200)  # an alarm stands longer than the watch
    world.stub.handle = well
    world.care = world.started(post.port)
    world.minutes(2)
    assert world.trouble is None
    assert [line for line in world.journal() if "répond" in line][-1] == "La plateforme répond de nouveau."
    assert len(post.letters) == 2
    assert "ne répond plus" not in world.site.browser().get("sauvegardes").text
    assert list(afterwards(world.config, make_adapters(world.config))) == []


def test_one_silent_look_wakes_nobody(world: World, post: Post) -> None:
    for _ in range(5):
        world.stub.handle = silent
        world.minutes(LOOKS_BEFORE_ALARM - 1)
        world.stub.handle = well
        world.minutes(1)
    assert (world.trouble, post.letters) == (None, [])


@pytest.mark.parametrize("why", ["its time is over", "nobody wants it", "the page is up", "another is running"])
def test_where_nothing_is_to_be_watched_nobody_is_asked(world: World, post: Post, why: str) -> None:
    world.stub.handle = silent
    if why == "its time is over":
        world.now += timedelta(minutes=60)
    elif why == "nobody wants it":
        world.care = world.started(post.port, watch_minutes=0)
    elif why == "the page is up":
        world.config.maintenance.flag.parent.mkdir(parents=True, exist_ok=True)
        world.config.maintenance.flag.touch()
    else:
        world.site.update()
    world.minutes(LOOKS_BEFORE_ALARM + 2)
    assert (world.trouble, world.stub.seen) == (None, [])


def test_a_mail_server_that_is_gone_keeps_no_alarm_from_the_pages(world: World) -> None:
    world.care = replace(world.care, config=msgspec.structs.replace(world.config, mail=MailTable(smtp="127.0.0.1:1")))
    world.stub.handle = silent
    world.minutes(LOOKS_BEFORE_ALARM)
    assert world.trouble is not None


def test_the_watch_begins_with_the_newest_success(world: World) -> None:
    assert isinstance(world.now, datetime)
    world.now += timedelta(days=1)
    number = world.site.update(to="11.7.0")
    world.site.engine.finish(number, UpdateStatus.SUCCEEDED, world.now)
    world.stub.handle = silent
    world.minutes(LOOKS_BEFORE_ALARM)
    found = world.site.operations.reader.published(AFTERCARE)
    assert found is not None
    assert found[1].update == number
