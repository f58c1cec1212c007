"""The archive on this server's disk: the delta, else the full archive, kept from night to night."""

from datetime import timedelta

import pytest

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.offers import OfferKind
from ospi_supervisor.domain.requests import CheckRepository
from ospi_supervisor.errors import ArchiveError
from ospi_supervisor.feed.part import part_path
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import INSTALLED_LISTING, ListingDocument
from ospi_supervisor.worker.installed_listing import InstalledListing
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


def test_a_check_that_fails_for_no_foreseen_reason_is_told_as_failed(house: House) -> None:
    """What an earlier check found is not what is there: the page must not stay green."""
    house.turn_on()
    house.ask(1, CheckRepository.kind)
    (house.config.paths.trust_dir / "root.json").write_bytes(b"{}")
    house.ask(2, CheckRepository.kind)
    document = house.view.document()
    assert document["last_check"] is not None
    assert "est abîmée" in document["last_check"]["error"]
    assert {row["rule"]: row["verdict"] for row in document["run"]}["metadata"] == "refused"


def test_a_full_archive_of_which_nothing_came_does_not_keep_from_the_delta(house: House) -> None:
    house.turn_on()
    house.config.paths.fetched_dir.mkdir(parents=True)
    (house.config.paths.fetched_dir / f"{PRODUCT}-{NEW}.ospi.part").touch()
    house.automatic.run_if_due()
    assert [is_full(path) for path in house.archives_asked_for()] == [False]


@pytest.mark.parametrize("altered", [False, True])
def test_a_delta_for_another_tree_is_known_by_its_beginning(house: House, altered: bool) -> None:
    house.turn_on()
    download = house.automatic.download
    found = download.check()
    offer = (
        next(offer for offer in found.catalogue.offers if offer.kind is OfferKind.DELTA) if found.catalogue else None
    )
    assert offer is not None
    whole = (house.folder / "delta.ospi").read_bytes()
    with Archive.open(house.folder / "delta.ospi", download._trust(), house.clock()) as archive:
        beginning = archive.header.member("manifest.json").end
    part = part_path(house.config.paths.fetched_dir / offer.filename)
    part.parent.mkdir(parents=True)
    part.write_bytes(whole[:1000])
    assert not download._begins_well(offer)
    part.write_bytes(whole[:beginning])
    assert beginning < len(whole)
    if altered:
        del house.installed.record.items[b"text"]
        with pytest.raises(ArchiveError, match="n'est pas exactement"):
            download._begins_well(offer)
    else:
        assert download._begins_well(offer)


def test_what_is_installed_is_published_and_only_when_it_changes(house: House) -> None:
    releases = Releases(house.config.platform.root)
    releases.path(OLD).mkdir(parents=True)
    installed = InstalledReleases(releases, house.config.paths)
    listing = InstalledListing(installed, releases.current, PublishedStore(house.engine), house.clock)
    listing.publish()
    assert house.reader.published(INSTALLED_LISTING) is None  # nothing is installed
    releases.point_to(OLD)
    listing.publish()
    assert house.reader.published(INSTALLED_LISTING) == (house.clock(), ListingDocument(version=OLD, sha256=None))
    installed.save(OLD, house.installed.record)
    for _ in range(2):
        house.clock.now += timedelta(minutes=1)
        listing.publish()
    published = house.reader.published(INSTALLED_LISTING)
    assert published is not None
    assert published[0] == house.clock() - timedelta(minutes=1)
    assert published[1].sha256 == house.automatic.download.base_listing()
