"""An update prepared by day: it waits for its hour, whatever becomes of the processes, and takes the platform then."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ospi_supervisor.domain.closures import Calendar, Dates
from ospi_supervisor.domain.hour import LATE_BY_DEFAULT, HourRules
from ospi_supervisor.domain.lifecycle import MAX_ATTEMPTS, Phase, Recovery, UpdateStatus, rule_of
from ospi_supervisor.store.web_rows import RequestRow
from tests.engine.test_requests import UPLOAD, answer, importing, requests_of
from tests.support.engine import Bench, Faults, fail, kill, now

BEFORE_THE_PAGE = {phase for phase in Phase if rule_of(phase).recovery is Recovery.AGAIN}
HOUR = timedelta(hours=1)
REFRESHED = ["do prerequisites", "do backup"]


@dataclass
class Day:
    """A clock that is set, and the engine that works by it; each `look` is that of a worker just started."""

    bench: Bench
    at: datetime = field(default_factory=now)
    rules: HourRules = field(default_factory=HourRules)

    def look(self, after: timedelta = timedelta(0), faults: Faults | None = None) -> UpdateStatus:
        self.at += after
        engine = self.bench.engine(faults)
        engine.clock, engine.hours = lambda: self.at, self.rules
        engine.run_due()
        return self.bench.status()

    def ask(self, number: int, kind: str, **payload: Any) -> dict[str, Any]:
        """What the worker answers to a request that is made now."""
        requests = replace(requests_of(self.bench), clock=lambda: self.at, hours=self.rules)
        row = importing(number, **payload) if kind == "import" else request(number, kind, payload)
        requests.answer(replace(row, requested_at=self.at))
        return answer(self.bench, number)

    def reschedule(self, number: int, at: datetime | None) -> dict[str, Any]:
        return self.ask(number, "reschedule", update_id=1, switch_at=at and at.isoformat())


def request(number: int, kind: str, payload: dict[str, Any]) -> RequestRow:
    return RequestRow(id=number, kind=kind, payload=payload, source="import", requested_by="bob", requested_at=now())


@pytest.fixture
def day(bench: Bench) -> Day:
    """An update is prepared, and is to take the platform in seven hours."""
    day = Day(bench)
    assert day.ask(1, "import", switch_at=(day.at + 7 * HOUR).isoformat())["accepted"]
    assert day.look() is UpdateStatus.PREPARED
    return day


def test_all_is_done_but_what_users_feel(day: Day) -> None:
    assert day.bench.effects() == BEFORE_THE_PAGE
    assert "Tout est prêt" in day.bench.journal("info")[-1]
    before = day.bench.traced()
    for _ in range(3):
        assert day.look(HOUR) is UpdateStatus.PREPARED
    assert day.bench.traced() == before


def test_the_backup_is_made_anew_shortly_before_the_hour_and_then_users_lose_the_platform(day: Day) -> None:
    begun = len(day.bench.traced())
    assert day.look(7 * HOUR - timedelta(minutes=9)) is UpdateStatus.PREPARED
    assert day.bench.traced()[begun:] == REFRESHED
    assert day.look(timedelta(minutes=5)) is UpdateStatus.PREPARED
    assert day.bench.traced()[begun:] == REFRESHED
    assert day.look(timedelta(minutes=4)) is UpdateStatus.SUCCEEDED
    assert day.bench.traced()[begun + 2 :][0] == "do maintenance"
    assert day.bench.effects() == set(Phase) - {Phase.VALIDATE}


def test_the_engine_waits_in_person_for_the_last_minute(bench: Bench) -> None:
    """The worker looks each minute: it would be late by as much."""
    day = Day(bench)
    day.ask(1, "import", switch_at=(day.at + timedelta(seconds=2)).isoformat())
    engine = bench.engine()
    began = now()
    engine.clock = now
    engine.run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED
    entered = datetime.fromisoformat(
        next(p for p in bench.update()["phases"] if p["name"] == "maintenance")["started_at"]
    )
    assert day.at + timedelta(seconds=2) <= entered
    assert began < entered


@pytest.mark.parametrize("after", [timedelta(0), 7 * HOUR - timedelta(minutes=9), 7 * HOUR])
def test_it_is_given_up_in_each_of_its_waits(day: Day, after: timedelta) -> None:
    day.look(after) if after < 7 * HOUR else None
    assert day.ask(2, "cancel", update_id=1)["accepted"]
    assert day.look() is UpdateStatus.CANCELLED
    assert day.bench.effects() == set()
    assert day.bench.locked_versions() == []
    assert (day.bench.paths.uploads_dir / UPLOAD).exists()


def test_it_is_started_at_once(day: Day) -> None:
    day.look(HOUR)
    assert day.reschedule(2, None)["accepted"]
    begun = len(day.bench.traced())
    assert day.look() is UpdateStatus.SUCCEEDED
    assert day.bench.traced()[begun:][:3] == [*REFRESHED, "do maintenance"]


def test_another_hour_is_chosen_before_and_after_the_refresh(day: Day) -> None:
    day.look(7 * HOUR - timedelta(minutes=9))
    assert day.reschedule(2, day.at + 24 * HOUR)["accepted"]
    assert day.look(HOUR) is UpdateStatus.PREPARED
    begun = len(day.bench.traced())
    assert day.look(23 * HOUR) is UpdateStatus.SUCCEEDED
    assert day.bench.traced()[begun:][:3] == [*REFRESHED, "do maintenance"]
    assert "Heure changée par bob" in "".join(day.bench.journal("info"))


@pytest.mark.parametrize(("minutes", "words"), [(0, "plus jamais"), (1, "1 minute avant"), (60, "60 minutes avant")])
def test_when_users_are_told_is_recorded_in_words(day: Day, minutes: int, words: str) -> None:
    assert day.ask(2, "announce", update_id=1, minutes=minutes, message="")["accepted"]
    assert f"Annonce aux utilisateurs : {words}" in "".join(day.bench.journal("info"))


@pytest.mark.parametrize("at", ["do prerequisites", "did prerequisites", "do backup", "did backup"])
def test_a_kill_while_it_is_refreshed_loses_nothing(day: Day, at: str) -> None:
    """The preparation itself is not done again, nor is anything that users feel done before the hour."""
    begun = len(day.bench.traced())
    assert day.bench.run_in_process is not None
    assert killed(day, 7 * HOUR - timedelta(minutes=9), {at: kill}) == -signal.SIGKILL
    assert day.look() is UpdateStatus.PREPARED
    assert "do stage" not in day.bench.traced()[begun:]
    assert "do maintenance" not in day.bench.traced()
    assert day.look(timedelta(minutes=9)) is UpdateStatus.SUCCEEDED


def killed(day: Day, after: timedelta, faults: Faults) -> int | None:
    """What a worker that looks in a process of its own ends with."""
    import multiprocessing

    day.at += after
    child = multiprocessing.get_context("fork").Process(target=day.look, args=(timedelta(0), faults))
    child.start()
    child.join(60)
    return child.exitcode


def test_one_that_kills_the_worker_each_time_is_given_up_and_all_of_it_taken_back(day: Day) -> None:
    day.at += 7 * HOUR - timedelta(minutes=9)
    for _ in range(MAX_ATTEMPTS + 1):
        assert killed(day, timedelta(0), {"do backup": kill}) == -signal.SIGKILL
    assert day.look(faults={"do backup": fail}) is UpdateStatus.FAILED
    assert day.bench.effects() == set()


@pytest.mark.parametrize(("point", "ending"), [("do prerequisites", "refused"), ("do backup", "failed")])
def test_what_fails_in_the_refresh_takes_back_all_that_was_prepared(day: Day, point: str, ending: str) -> None:
    assert day.look(7 * HOUR, faults={point: fail}) == ending
    assert day.bench.effects() == set()
    assert day.bench.locked_versions() == []
    assert "do maintenance" not in day.bench.traced()


def test_an_hour_that_is_missed_asks_for_another(day: Day) -> None:
    assert day.look(7 * HOUR + LATE_BY_DEFAULT + timedelta(minutes=1)) is UpdateStatus.PREPARED
    assert day.bench.update()["switch_at"] is None
    assert "est manquée : elle est passée de plus de 60 minutes" in day.bench.journal("warning")[-1]
    assert day.look(48 * HOUR) is UpdateStatus.PREPARED
    assert len(day.bench.journal("warning")) == 1
    assert day.reschedule(2, day.at + HOUR)["accepted"]
    assert day.look(HOUR) is UpdateStatus.SUCCEEDED


def test_an_hour_that_is_a_little_late_is_kept(day: Day) -> None:
    assert day.look(7 * HOUR + LATE_BY_DEFAULT - timedelta(minutes=1)) is UpdateStatus.SUCCEEDED


def test_a_refresh_that_takes_too_long_asks_for_another_hour(day: Day) -> None:
    def slow(_run: Any) -> None:
        day.at += 3 * HOUR

    assert day.look(7 * HOUR, faults={"do backup": slow}) is UpdateStatus.PREPARED
    assert day.bench.update()["switch_at"] is None


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_clock_that_is_set_back_or_forth_decides_at_once(day: Day, step: timedelta) -> None:
    """The hour is an instant: what the clock says, holds."""
    day.look(7 * HOUR - timedelta(minutes=30))
    expected = UpdateStatus.SUCCEEDED if step > timedelta(0) else UpdateStatus.PREPARED
    assert day.look(step) is expected


def test_a_calendar_that_was_changed_since_forbids_the_hour(day: Day) -> None:
    at = day.at + 7 * HOUR
    day.rules = HourRules(calendar=Calendar(dates=(Dates(first=at.date(), last=at.date(), reason="Paie"),)))
    assert day.look(7 * HOUR) is UpdateStatus.PREPARED
    assert "« Paie »" in day.bench.journal("warning")[-1]
    assert "do maintenance" not in day.bench.traced()


REFUSED: list[tuple[Callable[[Day], dict[str, Any]], str]] = [
    (lambda day: day.reschedule(2, day.at - HOUR), "déjà passée"),
    (lambda day: day.reschedule(2, day.at + 24 * HOUR * 31), "au plus 30 jours"),
    (lambda day: day.ask(2, "reschedule", update_id=1, switch_at="demain"), "demande illisible"),
    (lambda day: day.ask(2, "reschedule", update_id=7), "inconnue"),
    (lambda day: day.ask(2, "import"), "est prête et attend son heure"),
    (lambda day: day.ask(2, "import", own=True), "est prête et attend son heure"),
    (lambda day: day.ask(2, "import", switch_at=(day.at + HOUR).isoformat()), "est prête et attend son heure"),
    (lambda day: day.ask(2, "import", switch_at=day.at.isoformat(), start_at=day.at.isoformat()), "demande illisible"),
]


@pytest.mark.parametrize("refused", REFUSED)
def test_what_is_refused_changes_nothing(day: Day, refused: tuple[Callable[[Day], dict[str, Any]], str]) -> None:
    asked, words = refused
    found = asked(day)
    assert (found["accepted"], words in found["message"]) == (False, True), found
    assert day.look(7 * HOUR) is UpdateStatus.SUCCEEDED


def test_an_update_that_is_over_has_no_hour(day: Day) -> None:
    day.look(7 * HOUR)
    assert "ne peut plus être changée" in day.reschedule(2, day.at + HOUR)["message"]


def test_an_hour_chosen_while_it_is_being_prepared_is_heeded(bench: Bench) -> None:
    """One that was to go on at once waits, then."""
    day = Day(bench)
    day.ask(1, "import")
    asked: list[dict[str, Any]] = []
    status = day.look(faults={"do stage": lambda _run: asked.append(day.reschedule(2, day.at + HOUR))})
    assert asked[0]["accepted"]
    assert status is UpdateStatus.PREPARED
    assert day.look(HOUR) is UpdateStatus.SUCCEEDED


def test_an_hour_chosen_for_one_of_the_night_counts_in_place_of_the_night_s(bench: Bench) -> None:
    """Else it would be too late for its midnight."""
    day = Day(bench)
    bench.admit(start_at=day.at, source="automatic")

    def choose(_run: Any) -> None:
        assert day.reschedule(2, day.at + 12 * HOUR)["accepted"]

    assert day.look(faults={"do stage": choose}) is UpdateStatus.PREPARED
    assert day.look(12 * HOUR) is UpdateStatus.SUCCEEDED


def test_one_planned_for_an_hour_has_it_changed_too(bench: Bench) -> None:
    day = Day(bench)
    day.ask(1, "import", start_at=(day.at + HOUR).isoformat())
    assert day.reschedule(2, day.at + 3 * HOUR)["accepted"]
    assert day.look(2 * HOUR) is UpdateStatus.SCHEDULED
    assert day.reschedule(3, None)["accepted"]
    assert day.look() is UpdateStatus.SUCCEEDED


def test_one_planned_beside_it_waits_for_its_end(day: Day) -> None:
    assert day.ask(2, "import", start_at=(day.at + HOUR).isoformat())["accepted"]
    day.look(2 * HOUR)
    assert (day.bench.status(1), day.bench.status(2)) == (UpdateStatus.PREPARED, UpdateStatus.SCHEDULED)


def test_one_that_is_to_be_validated_waits_for_its_hour_first_and_then_behind_the_door(bench: Bench) -> None:
    day = Day(bench)
    assert day.ask(1, "import", switch_at=(day.at + HOUR).isoformat(), validate=True)["accepted"]
    assert day.look() is UpdateStatus.PREPARED
    assert "do validate" not in bench.traced()
    assert day.look(HOUR) is UpdateStatus.SUCCEEDED
    assert bench.traced().index("do maintenance") < bench.traced().index("do validate")
