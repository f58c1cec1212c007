"""What is withheld at night: put off, sent back by who validated it, or no security release where those alone count."""

from datetime import timedelta

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.requests import RunAutomaticUpdate
from ospi_supervisor.domain.settings import PUT_OFF, put_off_value
from tests.support.archives import PRODUCT
from tests.support.automatic import MIDNIGHT, NEW, OLD, House, last_run
from tests.support.hospital import NOW
from tests.support.http_server import Handler


def test_a_version_that_was_put_off_is_left_at_night_and_taken_by_hand(house: House) -> None:
    house.turn_on()
    house.store.change_setting(f"{PUT_OFF}{NEW}", put_off_value("congés du service", None), "alice", NOW)
    house.automatic.run_if_due()
    assert (last_run(house)["ok"], last_run(house)["update"]) == (True, None)
    document = house.view.document()
    available = next(row for row in document["run"] if row["rule"] == "available")
    assert available["measured"] == f"version {NEW}, reportée jusqu'à nouvel ordre par alice : congés du service"
    assert document["put_off"] == [{"version": NEW, "reason": "congés du service", "by": "alice", "until": None}]
    assert house.ask(1, RunAutomaticUpdate.kind) == {"accepted": True, "message": "", "update_id": 1}


def test_a_put_off_that_was_lifted_or_is_over_holds_no_more(house: House) -> None:
    house.turn_on()
    until = MIDNIGHT.date() + timedelta(days=1)
    house.store.change_setting(f"{PUT_OFF}{NEW}", put_off_value("congés", until), "alice", NOW)
    house.automatic.run_if_due()
    assert last_run(house)["update"] is None
    house.clock.now += timedelta(days=1)
    house.automatic.run_if_due()
    assert last_run(house)["update"] == 1


def test_security_releases_alone_are_taken_where_the_others_are_not(house: House) -> None:
    house.store.change_setting("update.auto.security", "OUI", "alice", NOW)
    house.automatic.run_if_due()
    assert (last_run(house)["ok"], last_run(house)["update"]) == (True, None)
    available = next(row for row in house.view.document()["run"] if row["rule"] == "available")
    assert "pas une version de sécurité" in available["measured"]


def test_a_version_that_is_put_off_while_it_arrives_is_not_installed(house: House) -> None:
    house.turn_on()

    def put_off(handler: Handler) -> bool:
        if handler.path.endswith(".ospi"):
            house.store.change_setting(f"{PUT_OFF}{NEW}", put_off_value("congés", None), "alice", NOW)
        return False

    house.server.behaviour = put_off
    house.automatic.run_if_due()
    assert last_run(house)["update"] is None
    assert "congés" in last_run(house)["message"]


def test_what_was_sent_back_from_its_validation_is_a_persons_to_take_again(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    house.engine.begin(1, OLD, house.clock())
    house.engine.set_version(1, PRODUCT, NEW)
    house.engine.set_failure(1, Phase.VALIDATE, "carla a choisi de revenir à l'ancienne version")
    house.engine.finish(1, UpdateStatus.ROLLED_BACK, house.clock())
    for _ in range(2):
        house.clock.now += timedelta(days=1)
        house.automatic.run_if_due()
        assert house.engine.load(2) is None
        assert "n'a pas été ouverte après sa validation (mise à jour n° 1)" in last_run(house)["message"]
    house.ask(1, RunAutomaticUpdate.kind)
    assert house.engine.load(2) is not None
