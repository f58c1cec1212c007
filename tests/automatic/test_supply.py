"""The archive on this server's disk: the delta, else the full archive, kept from night to night."""

from datetime import timedelta

from tests.support.archives import PRODUCT
from tests.support.automatic import MIDNIGHT, NEW, OLD, House, last_run
from tests.support.http_server import Handler


def is_full(path: str) -> bool:
    return path.endswith(f".{PRODUCT}-{NEW}.ospi")


def test_the_full_archive_is_fetched_where_the_installed_files_are_not_the_deltas(house: House) -> None:
    house.turn_on()
    del house.installed.record.items[b"text"]
    house.automatic.run_if_due()
    assert [path.rpartition(".")[0].partition(".")[2] for path in house.archives_asked_for()] == [
        f"{PRODUCT}-{OLD}-to-{NEW}",
        f"{PRODUCT}-{NEW}",
    ]
    update = house.engine.load(1)
    assert update is not None
    assert [path.name for path in house.config.paths.fetched_dir.iterdir()] == [update.archive.name]


def test_a_full_archive_that_takes_several_nights_is_gone_on_with(house: House) -> None:
    house.turn_on()
    del house.installed.record.items[b"text"]

    def end_the_night_early(handler: Handler) -> bool:
        house.stopping = is_full(handler.path)
        house.server.cut_after = lambda: 100 if house.stopping else None
        return False

    house.server.behaviour = end_the_night_early
    for _ in range(3):
        house.automatic.run_if_due()
        assert "ce qui a été reçu est gardé" in last_run(house)["message"]
        house.clock.now += timedelta(days=1)
    house.server.behaviour, house.server.cut_after, house.stopping = None, lambda: None, False
    house.automatic.run_if_due()

    assert last_run(house)["update"] == 1
    assert [is_full(path) for path in house.archives_asked_for()] == [False, True, True, True, True]
    asked = zip(house.server.paths, house.server.headers, strict=True)
    assert [headers.get("Range") for path, headers in asked if is_full(path)] == [
        None,
        "bytes=100-",
        "bytes=200-",
        "bytes=300-",
    ]


def test_a_full_archive_that_came_too_late_is_there_the_next_night(house: House) -> None:
    house.turn_on()
    del house.installed.record.items[b"text"]

    def let_hours_pass(handler: Handler) -> bool:
        if is_full(handler.path):
            house.clock.now += timedelta(hours=5)
        return False

    house.server.behaviour = let_hours_pass
    house.automatic.run_if_due()
    assert "trop tard dans la nuit" in last_run(house)["message"]
    house.clock.now = MIDNIGHT + timedelta(days=1)
    house.automatic.run_if_due()

    assert last_run(house)["update"] == 1
    assert [is_full(path) for path in house.archives_asked_for()] == [False, True]


def test_a_full_archive_of_which_nothing_came_does_not_keep_from_the_delta(house: House) -> None:
    house.turn_on()
    house.config.paths.fetched_dir.mkdir(parents=True)
    (house.config.paths.fetched_dir / f"{PRODUCT}-{NEW}.ospi.part").touch()
    house.automatic.run_if_due()
    assert [is_full(path) for path in house.archives_asked_for()] == [False]
