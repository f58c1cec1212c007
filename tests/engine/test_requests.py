"""Requests are judged anew by the worker, once each."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.engine.requests import Requests
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.base import Run
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.web_rows import RequestRow
from tests.support.engine import OLD, PRODUCT, Bench, fail, now

UPLOAD = "0123abcd"


def requests_of(bench: Bench) -> Requests:
    bench.paths.uploads_dir.mkdir(parents=True, exist_ok=True)
    (bench.paths.uploads_dir / UPLOAD).touch()
    store = bench.store()
    change = AutomaticStore(store).change_setting
    uploads, page_is_up = bench.paths.uploads_dir, (bench.folder / "effects" / Phase.MAINTENANCE).exists
    return Requests(store, PRODUCT, uploads, lambda: OLD, now, bench.unlocking(store), change, page_is_up)


def importing(number: int = 1, *, source: str = "import", **payload: Any) -> RequestRow:
    values = {"upload_id": UPLOAD, "notice_sha256": "ab", "notice_read_at": now().isoformat(), "start_at": None}
    return RequestRow(
        id=number, kind="import", payload=values | payload, source=source, requested_by="alice", requested_at=now()
    )


def cancelling(number: int, update_id: object) -> RequestRow:
    payload = {"update_id": update_id}
    return RequestRow(
        id=number, kind="cancel", payload=payload, source="import", requested_by="bob", requested_at=now()
    )


def answer(bench: Bench, number: int) -> dict[str, Any]:
    found = bench.reader().answer(number)
    assert found is not None
    return dict(found)


def test_an_import_is_admitted_with_its_answer_and_its_notice(bench: Bench) -> None:
    requests_of(bench).answer(importing())
    assert answer(bench, 1) == {"accepted": True, "message": "", "update_id": 1}
    update = bench.update()
    assert (update["status"], update["from"], update["source"], update["requested_by"]) == (
        "queued",
        OLD,
        "import",
        "alice",
    )
    assert bench.journal("info") == ["Mise à jour demandée par alice."]


def test_a_request_is_judged_once(bench: Bench) -> None:
    requests = requests_of(bench)
    requests.answer(importing())
    requests.answer(importing())
    assert len(bench.reader().updates(100)) == 1


@pytest.mark.parametrize(
    ("request_row", "words"),
    [
        (importing(upload_id="../../etc/passwd"), "demande illisible"),
        (importing(upload_id=None), "demande illisible"),
        (importing(upload_id="ffff\n"), "demande illisible"),
        (importing(upload_id="ffff"), "l'archive n'est plus sur le serveur"),
        (importing(upload_id="abcd"), "l'archive n'est plus sur le serveur"),  # a link
        (importing(notice_read_at=None), "la notice n'a pas été lue"),
        (importing(notice_sha256=["a"]), "demande illisible"),
        (importing(start_at="demain"), "demande illisible"),
        (importing(start_at="2030-01-01T00:00:00"), "demande illisible"),
        (importing(start_at=[12]), "demande illisible"),
        (importing(start_at="9999-12-31T23:59:59-14:00"), "demande illisible"),
        (importing(notice_read_at="0001-01-01T00:00:00+14:00"), "demande illisible"),
        (importing(start_at=(now() - timedelta(hours=1)).isoformat()), "l'heure prévue est passée"),
        (importing(switch_at=(now() + timedelta(hours=1)).isoformat(), own=True), "ne se prépare pas pour une heure"),
        (importing(version="1" * 101), "demande illisible"),
        (importing(source="automatic"), "origine de la demande inconnue"),
        (cancelling(1, 9), "cette mise à jour est inconnue"),
        (cancelling(1, "1; DROP TABLE"), "demande illisible"),
        (cancelling(1, 2**70), "demande illisible"),
        (RequestRow(id=1, kind="format", payload={}, source="import", requested_by="", requested_at=now()), "inconnue"),
    ],
)
def test_what_the_web_wrote_is_not_believed(bench: Bench, request_row: RequestRow, words: str) -> None:
    requests = requests_of(bench)
    (bench.paths.uploads_dir / "abcd").symlink_to("/etc/passwd")
    requests.answer(request_row)
    refusal = answer(bench, 1)
    assert not refusal["accepted"]
    assert words in refusal["message"]
    assert bench.reader().updates(100) == []


def test_an_unknown_platform_is_an_answer_too(bench: Bench) -> None:
    def unknown() -> str:
        raise PlatformError("le lien current ne mène à aucune version")

    requests = requests_of(bench)
    replace(requests, installed_version=unknown).answer(importing())
    assert answer(bench, 1)["message"] == "le lien current ne mène à aucune version"


def test_a_second_update_is_refused_while_one_is_under_way(bench: Bench) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1))
    requests.answer(importing(2))
    assert "est en cours" in answer(bench, 2)["message"]


def test_a_scheduled_update_waits_for_its_hour(bench: Bench) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1, start_at=(now() + timedelta(hours=1)).isoformat(), version="11.6.0"))
    bench.run()
    assert bench.status() is UpdateStatus.SCHEDULED
    planned = bench.reader().planned_update()
    assert planned is not None
    assert (planned["id"], planned["to"]) == (1, "11.6.0")
    engine = bench.engine()
    engine.clock = lambda: now() + timedelta(hours=2)
    engine.run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_what_was_asked_for_before_its_hour_is_served_by_a_worker_that_was_down_then(bench: Bench) -> None:
    asked = now() - timedelta(hours=2)
    request = replace(importing(1, start_at=(asked + timedelta(hours=1)).isoformat()), requested_at=asked)
    requests_of(bench).answer(request)
    assert answer(bench, 1)["accepted"]
    bench.run()
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_nothing_is_installed_after_an_intervention(bench: Bench) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1))
    bench.run({"do migrate": fail, "undo migrate": fail})
    requests.answer(importing(2))
    assert "attend une intervention" in answer(bench, 2)["message"]


@pytest.mark.parametrize("start_at", [None, now() + timedelta(days=1)], ids=["queued", "scheduled"])
def test_an_update_that_did_not_begin_is_cancelled_at_once(bench: Bench, start_at: Any) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1, start_at=start_at and start_at.isoformat()))
    requests.answer(cancelling(2, 1))
    assert answer(bench, 2) == {"accepted": True, "message": "", "update_id": 1}
    assert bench.status() is UpdateStatus.CANCELLED
    assert bench.events()[-1][0] == "end"
    bench.run()
    assert bench.traced() == []


@pytest.mark.parametrize("start_at", [None, now() + timedelta(days=1)], ids=["queued", "scheduled"])
def test_what_is_cancelled_twice_is_cancelled(bench: Bench, start_at: Any) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1, start_at=start_at and start_at.isoformat()))
    for number in (2, 3):
        requests.answer(cancelling(number, 1))
        assert answer(bench, number) == {"accepted": True, "message": "", "update_id": 1}
    assert bench.journal("warning") == ["Annulation demandée par bob."]
    assert [kind for kind, _ in bench.events()].count("end") == 1


def test_a_running_update_that_is_asked_twice_to_stop_stops(bench: Bench) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1))

    def cancel_twice(_run: Run) -> None:
        requests.answer(cancelling(2, 1))
        requests.answer(cancelling(3, 1))

    bench.run({"did stage": cancel_twice, "undo stage": lambda _run: requests.answer(cancelling(4, 1))})
    assert [answer(bench, number)["accepted"] for number in (2, 3, 4)] == [True, True, True]
    assert bench.status() is UpdateStatus.CANCELLED
    assert bench.journal("warning").count("Annulation demandée par bob.") == 1


@pytest.mark.parametrize("phase", list(Phase))
def test_a_running_update_is_cancelled_only_before_maintenance(bench: Bench, phase: Phase) -> None:
    requests = requests_of(bench)
    early = list(Phase).index(phase) < list(Phase).index(Phase.MAINTENANCE)

    def cancel(_run: Run) -> None:
        requests.answer(cancelling(2, 1))

    requests.answer(importing(1, validate=True))
    bench.run({f"did {phase}": cancel})
    assert answer(bench, 2)["accepted"] is early
    assert bench.status() is (UpdateStatus.CANCELLED if early else UpdateStatus.SUCCEEDED)


def test_an_update_that_ended_is_not_cancelled(bench: Bench) -> None:
    requests = requests_of(bench)
    requests.answer(importing(1))
    bench.run()
    requests.answer(cancelling(2, 1))
    assert "ne peut plus être annulée : la page de maintenance est en place" in answer(bench, 2)["message"]


def setting(number: int, **payload: Any) -> RequestRow:
    return RequestRow(
        id=number, kind="setting", payload=payload, source="import", requested_by="alice", requested_at=now()
    )


def test_a_setting_is_put_in_force_with_who_changed_it(bench: Bench) -> None:
    requests_of(bench).answer(setting(1, name="update.auto.disable", value="OUI"))
    assert answer(bench, 1) == {"accepted": True, "message": "", "update_id": None}
    row = bench.reader().setting("update.auto.disable")
    assert row is not None
    assert (row.value, row.changed_by) == ("OUI", "alice")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"name": "update.auto.disable", "value": "oui"}, "ne peut pas valoir « oui » ; donnez OUI ou NON"),
        ({"name": "update.auto.disable", "value": True}, "demande illisible"),
        ({"name": "update.auto", "value": "OUI"}, "il n'y a pas de paramètre « update.auto »"),
        ({"value": "OUI"}, "demande illisible"),
    ],
)
def test_the_worker_believes_no_setting_of_another_name_type_or_value(
    bench: Bench, payload: dict[str, Any], words: str
) -> None:
    requests_of(bench).answer(setting(1, **payload))
    assert words in answer(bench, 1)["message"]
    assert bench.reader().setting("update.auto.disable") is None
