"""The night takes a new version of this very program, under the platform's rules, before a release of the platform."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from ospi_supervisor import __version__
from ospi_supervisor.config.calendar_table import CalendarTable, DatesTable
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.offers import Share
from ospi_supervisor.domain.requests import CheckRepository, RunAutomaticUpdate
from ospi_supervisor.domain.settings import PUT_OFF, put_off_value
from ospi_supervisor.publisher.publication import hold, publish, withdraw
from ospi_supervisor.publisher.repository import Repository
from tests.support.archives import PRODUCT, build_archive
from tests.support.automatic import MIDNIGHT, NEW, OLD, House, last_run
from tests.support.hospital import NOW
from tests.support.http_server import Handler

NEXT = "99.0"
DAY = timedelta(days=1)


def repository(house: House) -> Repository:
    return Repository(house.folder / "repository")


def offer_own(house: House, version: str = NEXT, *, supervisor: str = "", rollout: tuple[Share, ...] = ()) -> None:
    """The vendor publishes an archive of this program."""
    archive = build_archive(
        house.folder / f"own-{version}.ospi",
        house.keys,
        house.folder / "tree-new",
        product=OWN_PRODUCT,
        version=version,
        requires="",
        expires=NOW + 365 * DAY,
        supervisor=supervisor,
    )
    publish(repository(house), house.keys, archive, NOW, rollout)


def nights(house: House, number: int) -> list[tuple[str, str]]:
    """What so many nights in a row installed, each update ending well before the next."""
    taken = []
    for _ in range(number):
        house.automatic.run_if_due()
        if (update_id := last_run(house)["update"]) is not None:
            update = house.engine.load(update_id)
            assert update is not None
            taken.append((update.product, update.archive.name))
            end(house, update_id, UpdateStatus.CANCELLED)
        house.clock.now += DAY
    return taken


def end(house: House, update_id: int, status: UpdateStatus) -> None:
    house.engine.begin(update_id, OLD, house.clock())
    if status is UpdateStatus.REFUSED:
        house.engine.set_failure(update_id, Phase.PREREQUISITES, "systemctl est absent")
    house.engine.finish(update_id, status, house.clock())


def test_it_goes_before_the_platforms_release_which_waits_for_another_night(house: House) -> None:
    house.turn_on()
    offer_own(house)
    house.automatic.run_if_due()
    update = house.engine.load(1)
    assert update is not None
    assert (update.product, update.from_version, update.to_version) == (OWN_PRODUCT, __version__, NEXT)
    assert (update.source, update.start_at, update.validates) == ("automatic", MIDNIGHT, False)
    assert update.archive.name == f"{OWN_PRODUCT}-{NEXT}.ospi"
    assert update.archive.is_file()
    words = "Mise à jour automatique : une nouvelle version du Superviseur est publiée."
    assert house.reader.events(1)[0].data["message"] == words
    end(house, 1, UpdateStatus.SUCCEEDED)
    house.clock.now += timedelta(minutes=1)
    house.automatic.run_if_due()
    assert house.engine.load(2) is None, "never both in one night"


def test_where_there_is_nothing_newer_of_it_the_platforms_is_taken(house: House) -> None:
    house.turn_on()
    offer_own(house, __version__)
    assert nights(house, 1) == [(PRODUCT, f"{PRODUCT}-{OLD}-to-{NEW}.ospi")]


def test_a_program_that_was_not_installed_beside_its_other_versions_leaves_it(house: House) -> None:
    house.turn_on()
    offer_own(house)
    house.automatic.download = replace(house.automatic.download, own=False)
    assert [product for product, _ in nights(house, 1)] == [PRODUCT]


def test_it_alone_is_taken_where_the_platform_has_nothing_new(house: House) -> None:
    house.turn_on()
    offer_own(house)
    withdraw(repository(house), house.keys, PRODUCT, NEW, NOW)
    assert [product for product, _ in nights(house, 1)] == [OWN_PRODUCT]


def test_its_failure_locks_its_own_product_only(house: House) -> None:
    house.turn_on()
    offer_own(house)
    house.automatic.run_if_due()
    end(house, 1, UpdateStatus.FAILED)
    house.engine.lock_version(OWN_PRODUCT, NEXT, 1, NOW)
    house.clock.now += DAY
    assert [product for product, _ in nights(house, 1)] == [PRODUCT]
    withdraw(repository(house), house.keys, PRODUCT, NEW, NOW)
    assert nights(house, 1) == []
    assert f"la version {NEXT} a déjà échoué sur ce serveur" in last_run(house)["message"]
    document = house.view.document()
    [row] = [row for row in document["run"] if row["rule"] == "own_available"]
    assert (document["own"], row["verdict"]) == (None, "warning")
    assert row["measured"] == f"la version {NEXT} a déjà échoué sur ce serveur"


def test_a_locked_release_of_the_platform_does_not_keep_it_back(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    end(house, 1, UpdateStatus.ROLLED_BACK)
    house.engine.lock_version(PRODUCT, NEW, 1, NOW)
    house.clock.now += DAY
    offer_own(house)
    assert [product for product, _ in nights(house, 1)] == [OWN_PRODUCT]


def test_what_was_tried_in_vain_gives_way_to_the_platforms_and_is_not_tried_again(house: House) -> None:
    house.turn_on()
    offer_own(house)
    house.automatic.run_if_due()
    end(house, 1, UpdateStatus.REFUSED)
    house.clock.now += DAY
    assert [product for product, _ in nights(house, 2)] == [PRODUCT, PRODUCT], "nothing has changed meanwhile"


def test_an_archive_that_is_gone_gives_way_to_the_platforms(house: House) -> None:
    house.turn_on()
    offer_own(house)

    def no_archive(handler: Handler) -> bool:
        if gone := OWN_PRODUCT in handler.path:
            handler.answer(403, b"")
        return gone

    house.server.behaviour = no_archive
    assert [product for product, _ in nights(house, 1)] == [PRODUCT]


WITHHELD = {
    "put off": "reportée jusqu'à nouvel ordre par alice : congés",
    "held": "suspendue par l'éditeur : un défaut",
    "rollout": f"déploiement progressif, ouverte à ce serveur à partir du {MIDNIGHT + DAY:%d/%m/%Y}",
    "security only": "ce n'est pas une version de sécurité, et update.auto.disable vaut NON",
}


@pytest.mark.parametrize("how", list(WITHHELD))
def test_what_withholds_a_release_of_the_platform_withholds_it(house: House, how: str) -> None:
    house.turn_on()
    later = Share(percent=100, start=MIDNIGHT + DAY)
    offer_own(house, rollout=(later,) if how == "rollout" else ())
    if how == "put off":
        house.store.change_setting(f"{PUT_OFF}{NEXT}", put_off_value("congés", None), "alice", NOW)
    elif how == "held":
        hold(repository(house), house.keys, OWN_PRODUCT, NEXT, "un défaut", NOW)
    elif how == "security only":
        for name, value in (("update.auto.disable", "NON"), ("update.auto.security", "OUI")):
            house.store.change_setting(name, value, "alice", NOW)
    taken = [product for product, _ in nights(house, 1)]
    assert taken == ([] if how == "security only" else [PRODUCT])
    house.clock.now -= DAY
    house.ask(1, CheckRepository.kind)
    document = house.view.document()
    [row] = [row for row in document["run"] if row["rule"] == "own_available"]
    assert (document["own"], row["measured"]) == (None, f"version {NEXT}, {WITHHELD[how]}")
    house.ask(2, RunAutomaticUpdate.kind)  # by hand it can be had
    update = house.engine.load(last_run(house)["update"])
    assert update is not None
    assert update.product == OWN_PRODUCT


@pytest.mark.parametrize("why", ["NON", "clôture PMSI"])
def test_what_keeps_a_server_from_its_updates_keeps_it_from_this_one(house: House, why: str) -> None:
    offer_own(house)
    if why != "NON":
        house.turn_on()
        closed = DatesTable(first=MIDNIGHT.date(), reason=why)
        house.automatic.hours = CalendarTable(dates=(closed,)).rules(lambda: UTC)
    assert nights(house, 1) == []
    assert why in last_run(house)["message"]
    assert house.archives_asked_for() == []


def test_a_release_that_asks_for_a_newer_supervisor_waits_for_it(house: House) -> None:
    """Nothing is fetched in vain; once the supervisor is there, it is taken."""
    house.turn_on()
    tree = house.folder / "tree-new"
    withdraw(repository(house), house.keys, PRODUCT, NEW, NOW)
    wanting = build_archive(
        house.folder / "wanting.ospi", house.keys, tree, version="11.7.0", expires=NOW + 365 * DAY, supervisor=">=99"
    )
    publish(repository(house), house.keys, wanting, NOW)
    assert nights(house, 1) == []
    assert house.archives_asked_for() == []
    available = next(row for row in house.view.document()["run"] if row["rule"] == "available")
    needed = f"elle demande le Superviseur en version 99 ou supérieure ; celui-ci est en {__version__}"
    assert needed in available["measured"]
    offer_own(house)
    assert [product for product, _ in nights(house, 1)] == [OWN_PRODUCT]
