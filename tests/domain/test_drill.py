"""When the month's drill of a backup is due, what it proves, and what its certificate says."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ospi_supervisor.domain.drill import Certificate, Played, Proof, due_drill, lines_of
from ospi_supervisor.domain.rehearsal import Outcome, Step, Verdict
from ospi_supervisor.domain.schedule import NightlyPlan

PARIS = ZoneInfo("Europe/Paris")
PLAN = NightlyPlan(zone=PARIS, delay=timedelta(minutes=30))


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at(10, 1, 29), None),
        (at(10, 1, 30), date(2026, 3, 10)),
        (at(10, 4, 29), date(2026, 3, 10)),
        (at(10, 4, 30), None),
        (at(10, 14), None),
    ],
)
def test_it_follows_the_automatic_update_and_leaves_the_morning_alone(now: datetime, due: date | None) -> None:
    assert due_drill(PLAN, now, None, None) == due


def test_there_is_one_a_month_and_one_try_a_night() -> None:
    assert due_drill(PLAN, at(10, 2), at(1, 2), None) is None
    assert due_drill(PLAN, at(10, 2), at(28, 2, month=2), None) == date(2026, 3, 10)
    assert due_drill(PLAN, at(10, 2), None, date(2026, 3, 10)) is None
    assert due_drill(PLAN, at(11, 2), None, date(2026, 3, 10)) == date(2026, 3, 11)


def test_the_month_is_that_of_the_servers_nights() -> None:
    """At half past one of the first of March it is still February in Greenwich."""
    plan = NightlyPlan(zone=ZoneInfo("Pacific/Auckland"))
    now = datetime(2026, 2, 28, 12, 30, tzinfo=UTC)
    assert due_drill(plan, now, datetime(2026, 2, 27, 12, 30, tzinfo=UTC), None) == date(2026, 3, 1)


def test_a_late_delay_belongs_to_the_night_before() -> None:
    plan = NightlyPlan(zone=PARIS, delay=timedelta(hours=23))
    assert due_drill(plan, at(11, 1), None, None) == date(2026, 3, 10)


STEP = Step(title="Double de la plateforme", outcome=Outcome.REHEARSED, seconds=2.25)


def played(outcome: Outcome, *, loaded: bool = False, unusable: bool = False) -> Played:
    return Played(verdict=Verdict(outcome=outcome, steps=(STEP,)), loaded=loaded, unusable=unusable)


def test_what_was_played_says_what_was_proven() -> None:
    assert played(Outcome.REHEARSED, loaded=True).proof is Proof.PROVEN
    assert played(Outcome.REFUSED, loaded=True).proof is Proof.FAILED
    assert played(Outcome.NOT_REHEARSED, loaded=True).proof is Proof.LOADED
    assert played(Outcome.NOT_REHEARSED).proof is Proof.NOT_DRILLED
    assert played(Outcome.NOT_REHEARSED, unusable=True).proof is Proof.FAILED


def test_a_certificate_tells_what_when_how_long_the_rows_and_the_hashes() -> None:
    certificate = Certificate(
        platform="Portail BI",
        product="portail-bi",
        server="srv-dim",
        supervisor="0.2.0",
        requested_by="contrôle mensuel",
        snapshot="update-7-full",
        taken_at=at(9, 23),
        release="11.5.0",
        files=3,
        data_bytes=2_000_000,
        size=1_000_000,
        began_at=at(10, 2),
        seconds=12.5,
        proof=Proof.PROVEN,
        steps=(STEP,),
        rows={"pmsi": {"public.sejour": 20_000, "public.lit\x1b[2J": 1}},
        hashes={"update-7-full/fichiers.tar.zst": "ab" * 32},
    )
    text = "\n".join(lines_of(certificate))
    assert certificate.key == "20260310-010000"
    for words in (
        "Certificat d'épreuve de sauvegarde : éprouvée",
        "update-7-full",
        "version 11.5.0",
        "3 fichiers, 2 Mo",
        "12,5 s, par contrôle mensuel",
        "- Double de la plateforme : réussi, 2,2 s",
        "Base « pmsi » : 20001 lignes",
        "public.sejour : 20000",
        f"{'ab' * 32}  update-7-full/fichiers.tar.zst",
    ):
        assert words in text
    assert "\x1b" not in text
    short = "\n".join(lines_of(certificate, short=True))
    assert "public.sejour" not in short
    assert "12,5 s" in short
