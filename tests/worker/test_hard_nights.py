"""Nights on other people's networks: what passes is tried again, and the release is installed the same night."""

import time
from datetime import timedelta

import pytest

from ospi_supervisor.publisher.publication import publish
from ospi_supervisor.publisher.repository import Repository
from tests.support.automatic import MIDNIGHT, House, last_run
from tests.support.hospital import NOW
from tests.support.http_proxy import proxying
from tests.support.http_server import Handler


def unavailable_until(house: House, hours: float, status: int = 503) -> None:
    """The vendor's server answers `status` to everything for so long."""

    def answer(handler: Handler) -> bool:
        if house.clock.now >= MIDNIGHT + timedelta(hours=hours):
            return False
        handler.answer(status, b"")
        return True

    house.server.behaviour = answer


def is_delta(path: str) -> bool:
    return "-to-" in path


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_two_hours_without_an_answer_do_not_cost_the_night(house: House, status: int) -> None:
    house.turn_on()
    unavailable_until(house, 2, status)
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert MIDNIGHT + timedelta(hours=2) <= house.clock.now < MIDNIGHT + timedelta(hours=2.5)
    tries = house.server.paths.count("/metadata/timestamp.json")
    assert 8 <= tries <= 30, tries  # a request each time, ever more rarely


def test_an_archive_that_cannot_be_had_for_two_hours_is_had_the_same_night(house: House) -> None:
    house.turn_on()

    def answer(handler: Handler) -> bool:
        late = house.clock.now >= MIDNIGHT + timedelta(hours=2)
        if late or not handler.path.endswith(".ospi"):
            return False
        handler.answer(503, b"")
        return True

    house.server.behaviour = answer
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert len(house.server.paths) < 250


def test_a_night_that_brings_nothing_ends_before_people_come(house: House) -> None:
    house.turn_on()
    unavailable_until(house, 10)
    house.automatic.run_if_due()
    assert (last_run(house)["update"], last_run(house)["ok"]) == (None, False)
    assert "code 503" in last_run(house)["message"]
    assert house.clock.now < MIDNIGHT + timedelta(hours=4)
    house.clock.now = MIDNIGHT + timedelta(days=1)
    house.server.behaviour = None
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1


def test_by_hand_nobody_waits(house: House) -> None:
    house.turn_on()
    unavailable_until(house, 10)
    answer = house.ask(1, "auto_run")
    assert answer is not None
    assert answer["accepted"] is False
    assert house.clock.now == MIDNIGHT


def test_a_worker_that_is_stopped_does_not_wait_for_the_night(house: House) -> None:
    house.turn_on()

    def answer(handler: Handler) -> bool:
        house.stopping = True
        handler.answer(503, b"")
        return True

    house.server.behaviour = answer
    house.automatic.run_if_due()
    assert "s'arrête" in last_run(house)["message"]
    assert house.clock.now == MIDNIGHT


@pytest.mark.parametrize("fault", ["damaged", "missing", "short"])
def test_a_delta_that_is_spoilt_does_not_keep_from_the_full_archive(house: House, fault: str) -> None:
    house.turn_on()
    delta = next(path for path in (house.folder / "repository/targets").glob("*/*-to-*"))
    data = delta.read_bytes()
    if fault == "missing":
        delta.unlink()
    else:
        delta.write_bytes(data[:-600] + b"?" + data[-599:] if fault == "damaged" else data[:3000])
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    asked = house.archives_asked_for()
    assert is_delta(asked[0])
    assert not is_delta(asked[-1])
    assert house.clock.now < MIDNIGHT + timedelta(hours=1)


def test_a_file_that_is_not_there_yet_is_asked_for_again_that_night(house: House) -> None:
    """A copy of the repository that is being made, in the wrong order."""
    house.turn_on()
    repository = Repository(house.folder / "repository")
    hidden = {path: path.read_bytes() for path in repository.targets.glob("*/*.ospi")}
    for path in hidden:
        path.unlink()

    def answer(_: Handler) -> bool:
        if house.clock.now > MIDNIGHT + timedelta(minutes=30):
            for path, data in hidden.items():
                path.write_bytes(data)
        return False

    house.server.behaviour = answer
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert house.clock.now < MIDNIGHT + timedelta(hours=2)


def test_an_older_copy_seen_in_between_does_not_cost_the_night(house: House) -> None:
    """One name for two servers, of which one is copied later than the other; or a cache."""
    house.turn_on()
    repository = Repository(house.folder / "repository")
    older = (repository.metadata / "timestamp.json").read_bytes()
    house.ask(1, "auto_check")
    publish(repository, house.keys, house.folder / "delta.ospi", NOW)
    house.ask(2, "auto_check")

    def answer(handler: Handler) -> bool:
        late = house.clock.now > MIDNIGHT + timedelta(minutes=20)
        if late or not handler.path.endswith("timestamp.json"):
            return False
        handler.answer(200, older)
        return True

    house.server.behaviour = answer
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert house.clock.now < MIDNIGHT + timedelta(hours=1)


def test_a_proxy_that_restarts_does_not_cost_the_night(house: House) -> None:
    house.turn_on()
    with proxying() as proxy:
        house.config = house.make_config(dict(house.config.automatic_update.hosts), proxy=proxy.url)
        house.automatic = house.make_automatic(house.config)
        proxy.refusal = 503
        waited = house.wait

        def wait(seconds: float) -> None:
            waited(seconds)
            if house.clock.now > MIDNIGHT + timedelta(minutes=20):
                proxy.refusal = None

        house.automatic.sleep = wait
        house.automatic.run_if_due()
        assert last_run(house)["update"] == 1
        assert len(proxy.requests) < 30


def test_a_file_that_an_antivirus_holds_is_waited_for(house: House) -> None:
    """For longer than it takes to connect: the two patiences are not one."""
    house.turn_on()
    held = 2.0

    def answer(handler: Handler) -> bool:
        if handler.path.endswith(".ospi"):
            time.sleep(held)  # what is tested: a silence
        return False

    house.server.behaviour = answer
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert len(house.archives_asked_for()) == 1


@pytest.mark.full
def test_a_file_that_is_held_for_a_minute_is_installed_the_same_night(house: House) -> None:
    house.turn_on()

    def answer(handler: Handler) -> bool:
        if handler.path.endswith(".ospi"):
            time.sleep(60)  # what is tested: a silence
        return False

    house.server.behaviour = answer
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert len(house.archives_asked_for()) == 1
