"""The automatic update as pages and the shell see it."""

from datetime import timedelta

from ospi_supervisor.domain.requests import CheckRepository
from ospi_supervisor.store.automatic_documents import JudgementDocument
from tests.support.automatic import MIDNIGHT, NEW, House
from tests.support.hospital import NOW


def verdicts(judgements: list[JudgementDocument]) -> dict[str, str]:
    return {judgement["rule"]: judgement["verdict"] for judgement in judgements}


def test_before_anything_was_done(house: House) -> None:
    seen = house.view.document()
    assert (seen["setting"]["value"], seen["setting"]["changed_by"]) == ("NON", None)
    assert seen["repository"] == house.server.url
    assert verdicts(seen["server"]) == {"platform_version": "ok", "operating_system": "ok", "setting": "refused"}
    assert verdicts(seen["run"])["metadata"] == "refused"
    assert [seen[name] for name in ("eligible", "next_run", "last_check", "last_run", "activity")] == [
        False,
        None,
        None,
        None,
        None,
    ]


def test_after_oui_and_a_check(house: House) -> None:
    house.turn_on()
    house.ask(1, CheckRepository.kind)
    seen = house.view.document()
    assert (seen["setting"]["value"], seen["setting"]["changed_by"]) == ("OUI", "alice")
    assert seen["eligible"] is True
    assert set(verdicts(seen["run"]).values()) == {"ok"}
    check = seen["last_check"]
    assert check is not None
    assert check["available"] is not None
    assert check["available"]["version"] == NEW
    assert seen["next_run"] == MIDNIGHT.isoformat()


def test_the_next_run_follows_the_last(house: House) -> None:
    house.turn_on()
    house.automatic.run_if_due()
    assert house.view.document()["next_run"] == (MIDNIGHT + timedelta(days=1)).isoformat()


def test_nothing_new_is_no_fault_and_a_worker_that_is_down_does_nothing(house: House) -> None:
    house.ask(1, CheckRepository.kind)
    check = house.store.state().last_check
    assert check is not None
    house.store.note(last_check=check | {"available": None}, activity={"step": "check", "since": NOW.isoformat()})
    seen = house.view.document()
    assert verdicts(seen["run"])["available"] == "warning"
    assert seen["activity"] is None
    house.engine.beat(house.clock(), 1)
    assert house.view.document()["activity"] == {"step": "check", "since": NOW.isoformat()}
