"""Long lists: what is looked for is asked of the database, page by page, and comes as a table too."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.store.engine_models import Update
from ospi_supervisor.web.lists import ROWS
from tests.support.site import Browser, Site, now

HISTORY, TRAIL = "mises-a-jour/historique", "tracabilite"


def versions(text: str) -> list[str]:
    return re.findall(r'data-label="Versions">11\.5\.0 → ([^<]+)<', text)


def details(text: str) -> list[str]:
    return re.findall(r'data-label="Détail" class="breakable">([^<]+)<', text)


def rows_of(answer: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer)))


@pytest.fixture
def past(site: Site) -> Site:
    """Three updates, of three days."""
    site.update(UpdateStatus.SUCCEEDED, to="11.5.1")
    failed = site.update(UpdateStatus.ROLLED_BACK, to="11.5.2")
    site.engine.set_failure(failed, Phase.MIGRATE, "100 % de la table « séjour » refusés")
    site.update(UpdateStatus.SUCCEEDED, to="12.0.0")
    with site.engine.transaction() as database:
        for number in (1, 2, 3):
            at = datetime(2026, 3, number, 12, tzinfo=UTC)
            Update.update(queued_at=at, started_at=at, ended_at=at + timedelta(seconds=90 * number)).where(
                Update.id == number
            ).execute(database)
    return site


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["12.0.0", "11.5.2", "11.5.1"]),
        ("cherche=12.0", ["12.0.0"]),
        ("cherche=ADMIN+11.5.2", ["11.5.2"]),
        ("cherche=100+%25", ["11.5.2"]),
        ("cherche=%25", ["11.5.2"]),
        ("cherche=_", []),
        ("resultat=succeeded", ["12.0.0", "11.5.1"]),
        ("resultat=succeeded&cherche=11.5.1", ["11.5.1"]),
        ("du=2026-03-02", ["12.0.0", "11.5.2"]),
        ("au=2026-03-02", ["11.5.2", "11.5.1"]),
        ("du=2026-03-02&au=2026-03-02", ["11.5.2"]),
        ("du=hier&au=9999-12-31&resultat=autre&avant=x", ["12.0.0", "11.5.2", "11.5.1"]),
    ],
)
def test_history_is_searched(past: Site, admin: Browser, asked: str, found: list[str]) -> None:
    page = admin.get(f"{HISTORY}?{asked}").text
    assert versions(page) == found
    assert ("Rien ne correspond à cette recherche." in page) == (not found)
    table = admin.get(f"{HISTORY}.csv?{asked}").text
    assert [row["to"] for row in rows_of(table)] == found


def test_history_tells_how_long_each_took_and_how_long_the_page_was_seen(past: Site, admin: Browser) -> None:
    for phase in (Phase.MAINTENANCE, Phase.REOPEN):
        at = now()
        past.engine.set_phase(3, phase, status=PhaseStatus.DONE, started_at=at, ended_at=at + timedelta(seconds=65))
    page = admin.get(f"{HISTORY}?cherche=12.0.0").text
    assert 'data-label="Durée">4 min 30 s<' in page
    assert re.search(r'data-label="Interruption">1 min 0[4-6] s<', page)


def test_what_is_looked_for_stays_from_page_to_page(site: Site, admin: Browser) -> None:
    for line in range(ROWS + 3):
        site.operations.web.record_action("essai", actor="alice", now=now(), detail=f"aiguille {line}")
        site.operations.web.record_action("essai", actor="bob", now=now(), detail=f"foin {line}")
    page = admin.get(f"{TRAIL}?cherche=aiguille").text
    (older,) = re.findall(r'href="/superviseur/([^"]+)">Voir les plus anciennes', page)
    seen = details(page) + details(admin.get(older.replace("&amp;", "&")).text)
    assert seen == [f"aiguille {line}" for line in reversed(range(ROWS + 3))]
    assert 'value="aiguille"' in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("cherche=MARTIN", ["b"]),
        ("cherche=10.0.0.9", ["c"]),
        ("voir=refus", ["c"]),
        ("voir=refus&cherche=martin", []),
        ("du=2026-03-02&au=2026-03-02&cherche=essai", ["b"]),
    ],
)
def test_the_trail_is_searched(site: Site, admin: Browser, asked: str, found: list[str]) -> None:
    for day, (actor, detail) in enumerate([("alice", "a"), ("dr.martin", "b"), ("infirmier", "c")], 1):
        site.operations.web.record_action(
            "essai",
            actor=actor,
            now=datetime(2026, 3, day, 12, tzinfo=UTC),
            detail=detail,
            address=f"10.0.0.{7 + day - 1}",
            allowed=detail != "c",
        )
    assert details(admin.get(f"{TRAIL}?{asked}").text) == found
    table = admin.get(f"{TRAIL}.csv?{asked}").text
    assert [row["detail"] for row in rows_of(table)] == found


def test_taking_the_trail_away_is_in_the_trail(site: Site, admin: Browser) -> None:
    assert rows_of(admin.get(f"{TRAIL}.csv").text)[-1]["action"] == "connexion"
    assert site.operations.web.audit(1)[0].action == "traçabilité téléchargée"
