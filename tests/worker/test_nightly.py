"""The night's run: when it is, what it does, what keeps it from it, and what is recorded."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ospi_supervisor.domain.attempts import Conditions, DiskRoom
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.requests import CheckRepository, RunAutomaticUpdate
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from ospi_supervisor.publisher.publication import withdraw
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.store.engine_rows import NewUpdate
from tests.support.archives import NOTICE, PRODUCT
from tests.support.automatic import MIDNIGHT, NEW, OLD, House, last_run
from tests.support.hospital import NOW
from tests.support.http_server import Handler


def an_update(house: House, status: UpdateStatus) -> int:
    """Another update, imported by somebody, at the status."""
    new = NewUpdate(
        product=PRODUCT,
        from_version=OLD,
        source="import",
        requested_by="alice",
        archive=house.folder / "other",
        notice_sha256=None,
        notice_read_at=NOW,
        start_at=None,
    )
    number = house.engine.admit(new, NOW)
    if status is not UpdateStatus.QUEUED:
        house.engine.begin(number, OLD, NOW)
        house.engine.finish(number, status, NOW)
    return number


def test_at_midnight_the_delta_is_fetched_and_handed_to_the_engine(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    update = house.engine.load(1)
    assert update is not None
    assert (update.source, update.requested_by) == ("automatic", "mise à jour automatique")
    assert (update.status, update.from_version) == (UpdateStatus.QUEUED, OLD)
    assert update.archive.name == f"{PRODUCT}-{OLD}-to-{NEW}.ospi"
    assert update.archive.is_file()
    assert len(house.archives_asked_for()) == 1
    assert last_run(house) == {
        "at": MIDNIGHT.isoformat(),
        "night": MIDNIGHT.date().isoformat(),
        "message": "mise à jour n° 1 commencée",
        "update": 1,
        "ok": True,
    }


def test_the_notice_is_kept_and_known_not_to_be_read(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    update = house.reader.update(1)
    assert update is not None
    assert update["notice_read_at"] is None
    assert (house.config.paths.notices_dir / f"{update['notice_sha256']}.pdf").read_bytes() == NOTICE


def test_an_update_of_the_night_is_bound_to_its_hour_and_one_that_somebody_asked_for_is_not(house: House) -> None:
    """A server that loses its power at night does not go on at noon."""
    house.turn_on()
    house.automatic.run_if_due()
    night = house.engine.load(1)
    assert night is not None
    assert (night.status, night.start_at) == (UpdateStatus.QUEUED, MIDNIGHT)
    house.engine.finish(1, UpdateStatus.CANCELLED, NOW)
    house.ask(1, RunAutomaticUpdate.kind)
    asked = house.engine.load(2)
    assert asked is not None
    assert asked.start_at is None


def test_a_night_is_run_once(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    house.engine.begin(1, OLD, NOW)
    house.engine.finish(1, UpdateStatus.CANCELLED, NOW)
    house.clock.now += timedelta(minutes=1)
    house.automatic.run_if_due()
    assert house.engine.load(2) is None
    house.clock.now += timedelta(days=1)
    house.automatic.run_if_due()
    assert house.engine.load(2) is not None


def end_the_first(house: House, status: UpdateStatus, failure: str = "plus d'espace sur le disque") -> None:
    """The first night's update ended so; the second night comes."""
    house.turn_on()
    house.automatic.run_if_due()
    house.engine.begin(1, OLD, house.clock())
    house.engine.set_failure(1, Phase.STAGE, failure)
    house.engine.finish(1, status, house.clock())
    house.clock.now += timedelta(days=1)


FULL = Conditions(facts=frozenset({"free_disk"}), disks={"/opt": DiskRoom(free=10, size=1000)})


@pytest.mark.parametrize("status", [UpdateStatus.REFUSED, UpdateStatus.FAILED])
def test_two_nights_in_a_row_do_not_try_in_vain(house: House, status: UpdateStatus) -> None:
    house.conditions = FULL
    end_the_first(house, status)
    asked = len(house.archives_asked_for())
    for _ in range(2):
        house.automatic.run_if_due()
        assert house.engine.load(2) is None  # and so no second mail
        assert "a déjà été essayée (mise à jour n° 1), et rien n'a changé depuis" in last_run(house)["message"]
        assert "plus d'espace sur le disque" in last_run(house)["message"]
        house.clock.now += timedelta(days=1)
    assert len(house.archives_asked_for()) == asked
    house.ask(1, RunAutomaticUpdate.kind)  # a person may
    assert house.engine.load(2) is not None


@pytest.mark.parametrize(
    "now",
    [
        replace(FULL, facts=frozenset()),
        replace(FULL, disks={"/opt": DiskRoom(free=200, size=1000)}),
        replace(FULL, disks={"/opt": DiskRoom(free=10, size=2000)}),
    ],
    ids=["a finding went", "room was made", "the disk was enlarged"],
)
def test_once_something_has_changed_the_night_tries_again(house: House, now: Conditions) -> None:
    house.conditions = FULL
    end_the_first(house, UpdateStatus.FAILED)
    house.conditions = now
    house.automatic.run_if_due()
    assert house.engine.load(2) is not None


def test_a_file_that_the_failure_names_and_that_was_changed_since_is_a_change(house: House) -> None:
    file = house.folder / "illisible"
    house.clock.now -= timedelta(days=2)
    end_the_first(house, UpdateStatus.FAILED, f"le fichier {file} ne peut pas être lu")
    house.automatic.run_if_due()
    assert house.engine.load(2) is None
    file.touch()
    house.clock.now += timedelta(days=1)
    house.automatic.run_if_due()
    assert house.engine.load(2) is not None


def test_little_room_more_is_no_change(house: House) -> None:
    house.conditions = FULL
    end_the_first(house, UpdateStatus.REFUSED)
    house.conditions = replace(FULL, disks={"/opt": DiskRoom(free=20, size=1000)})
    house.automatic.run_if_due()
    assert house.engine.load(2) is None


@pytest.mark.parametrize("late", [timedelta(minutes=-1), timedelta(hours=1), timedelta(hours=12)])
def test_a_midnight_that_was_missed_waits_for_the_next(house: House, late: timedelta) -> None:
    house.turn_on()
    house.clock.now = MIDNIGHT + late
    house.automatic.run_if_due()
    assert house.server.paths == []
    assert house.store.state().last_run is None


def test_a_server_that_does_not_update_itself_asks_the_vendor_nothing(house: House) -> None:
    house.automatic.run_if_due()
    assert house.server.paths == []
    assert last_run(house)["ok"] is False
    assert "renseignez OUI" in last_run(house)["message"]


def test_a_system_without_an_update_server_is_told(house: House) -> None:
    house.turn_on()
    house.automatic = house.make_automatic(house.make_config({"rocky": house.server.url}))
    house.automatic.run_if_due()
    assert "Système d'exploitation" in last_run(house)["message"]
    answer = house.ask(1, CheckRepository.kind)
    assert answer is not None
    assert "aucun serveur de mise à jour" in str(answer["message"])


def test_nothing_newer_is_no_failure_and_leaves_nothing(house: House) -> None:
    house.turn_on()
    withdraw(Repository(house.folder / "repository"), house.keys, PRODUCT, NEW, NOW)
    house.config.paths.fetched_dir.mkdir(parents=True)
    house.automatic.run_if_due()
    assert (last_run(house)["ok"], last_run(house)["message"]) == (True, "aucune nouvelle version")
    assert not house.config.paths.fetched_dir.exists()


def test_a_version_that_failed_is_not_fetched_again(house: House) -> None:
    house.turn_on()
    house.engine.lock_version(PRODUCT, NEW, an_update(house, UpdateStatus.ROLLED_BACK), NOW)
    house.config.paths.fetched_dir.mkdir(parents=True)
    house.automatic.run_if_due()
    assert "a déjà échoué sur ce serveur" in last_run(house)["message"]
    assert house.archives_asked_for() == []
    assert not house.config.paths.fetched_dir.exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [(UpdateStatus.QUEUED, "n° 1 en cours"), (UpdateStatus.INTERVENTION, "n° 1 attend une intervention")],
)
def test_another_update_comes_first(house: House, status: UpdateStatus, words: str) -> None:
    house.turn_on()
    an_update(house, status)
    house.automatic.run_if_due()
    assert words in last_run(house)["message"]
    assert house.archives_asked_for() == []


def test_a_repository_that_expired_installs_nothing(house: House) -> None:
    house.turn_on()
    house.clock.now += timedelta(days=8)  # ours alone: what was good when it came is not good for ever
    house.automatic.run_if_due()
    assert "informations périmées" in last_run(house)["message"]
    assert house.archives_asked_for() == []


def test_a_vendor_that_does_not_answer_is_asked_again_the_next_night(house: House) -> None:
    house.turn_on()
    house.server.behaviour = no_answer
    house.automatic.run_if_due()
    assert "ne peut pas répondre (code 500)" in last_run(house)["message"]
    check = house.store.state().last_check
    assert check is not None
    assert [link["name"] for link in check["links"] if link["error"]] == ["http"]
    house.server.behaviour = None
    house.clock.now = MIDNIGHT + timedelta(days=1)
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1


def no_answer(handler: Handler) -> bool:
    handler.answer(500, b"")
    return True


def test_an_archive_that_comes_too_late_in_the_night_waits_for_the_next(house: House) -> None:
    house.turn_on()

    def let_hours_pass(handler: Handler) -> bool:
        if handler.path.endswith(".ospi"):
            house.clock.now = MIDNIGHT + timedelta(hours=4)
        return False

    house.server.behaviour = let_hours_pass
    house.automatic.run_if_due()
    assert "trop tard dans la nuit" in last_run(house)["message"]
    assert house.engine.load(1) is None
    house.server.behaviour, house.clock.now = None, MIDNIGHT + timedelta(days=1)
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1
    assert len(house.archives_asked_for()) == 1, "it was there already"


def test_non_while_the_archive_arrives_keeps_it_from_being_installed(house: House) -> None:
    house.turn_on()

    def say_non(handler: Handler) -> bool:
        if handler.path.endswith(".ospi"):
            house.store.change_setting(AUTOMATIC_UPDATE.name, "NON", "alice", NOW)
        return False

    house.server.behaviour = say_non
    house.automatic.run_if_due()
    assert len(house.archives_asked_for()) == 1
    assert "renseignez OUI" in last_run(house)["message"]
    assert house.engine.load(1) is None


def test_a_worker_that_stops_keeps_what_it_received(house: House) -> None:
    house.turn_on()
    house.stopping = True
    house.automatic.run_if_due()
    assert "ce qui a été reçu est gardé" in last_run(house)["message"]
    assert [path.suffix for path in house.config.paths.fetched_dir.iterdir()] != []
    assert house.store.state().activity is None


def test_the_journal_says_why_it_began(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    first = house.reader.events(1)[0]
    assert (first.kind, first.data["phase"]) == ("log", Phase.VERIFY)
    assert first.data["message"] == "Mise à jour automatique : une nouvelle version est publiée."
