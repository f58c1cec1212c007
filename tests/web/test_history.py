"""The history, and pages over ten thousand updates."""

import re
import sqlite3
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.store import engine_documents
from ospi_supervisor.store.engine_models import Event, PhaseRecord, Update
from ospi_supervisor.store.engine_reader import PAGE
from ospi_supervisor.web.lists import ROWS
from tests.support.site import Browser, Site, now


def test_history_lists_every_update(site: Site, admin: Browser) -> None:
    site.update(UpdateStatus.ROLLED_BACK, to="11.5.9")
    site.update(UpdateStatus.SUCCEEDED)
    page = admin.get("mises-a-jour/historique").text
    assert page.index("11.5.0 → 11.6.0") < page.index("11.5.0 → 11.5.9")
    assert "réussie" in page
    assert admin.get("mises-a-jour/suivi?update=99").status_code == 404


@pytest.mark.parametrize(
    ("status", "phase", "reached", "minutes"),
    [
        (UpdateStatus.SUCCEEDED, Phase.REOPEN, PhaseStatus.DONE, 7),
        (UpdateStatus.ROLLED_BACK, Phase.MAINTENANCE, PhaseStatus.UNDONE, 9),
        (UpdateStatus.CANCELLED, Phase.BACKUP, PhaseStatus.UNDONE, None),
    ],
)
def test_history_tells_how_long_users_saw_the_page_whatever_the_outcome(
    site: Site, admin: Browser, status: UpdateStatus, phase: Phase, reached: PhaseStatus, minutes: int | None
) -> None:
    number, began = site.update(), now()
    site.engine.set_phase(number, Phase.BACKUP, status=PhaseStatus.DONE, started_at=began, ended_at=began)
    if minutes:
        begins, ends = began + timedelta(minutes=1), began + timedelta(minutes=2)
        site.engine.set_phase(number, Phase.MAINTENANCE, status=PhaseStatus.DONE, started_at=begins, ended_at=ends)
    times = {} if reached is PhaseStatus.UNDONE else {"started_at": began, "ended_at": began + timedelta(minutes=8)}
    site.engine.set_phase(number, phase, status=reached, **times)
    site.engine.finish(number, status, began + timedelta(minutes=10))
    words = f"{minutes} min 00 s" if minutes else "–"
    assert f'data-label="Interruption">{words}</td>' in admin.get("mises-a-jour/historique").text.replace("\u00a0", " ")


def many_updates(site: Site, count: int) -> None:
    """As many updates that succeeded, recorded at once."""
    first = site.update(UpdateStatus.SUCCEEDED)
    with site.engine.transaction() as database:
        [row] = Update.select().where(Update.id == first).dicts().execute(database)
        rows = [{**row, "id": first + number} for number in range(1, count)]
        for start in range(0, len(rows), 500):
            Update.insert_many(rows[start : start + 500]).execute(database)


def test_however_many_updates_there_were_a_page_reads_the_few_that_it_shows(
    site: Site, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_updates(site, 10_000)
    read: list[int] = []
    summary = engine_documents.summary

    def counted(row: engine_documents.Row) -> engine_documents.UpdateSummary:
        read.append(row["id"])
        return summary(row)

    monkeypatch.setattr(engine_documents, "summary", counted)
    pages = ("", "mises-a-jour/suivi", "mises-a-jour/historique", "mises-a-jour/import", "support")
    for path in (*pages, "metrics", "api/updates", "api/status"):
        read.clear()
        assert admin.get(path).status_code in (200, 403)
        assert len(read) <= ROWS + 10, path
    read.clear()
    with admin.get("mises-a-jour/historique.csv", buffered=False) as answer:
        beginning = [next(answer.iter_encoded()) for _ in range(2)]
        assert beginning[1].startswith(b"10000,")
        assert len(read) <= PAGE
        assert sum(1 for _ in answer.iter_encoded()) == 10_000 - 1


def test_no_page_searches_all_updates_phases_or_events_for_those_that_it_shows(site: Site, admin: Browser) -> None:
    many_updates(site, 2)
    asked: list[str] = []
    connection: sqlite3.Connection = site.operations.reader._database._live.connection()  # type: ignore[no-untyped-call]
    connection.set_trace_callback(asked.append)
    for path in ("", "mises-a-jour/suivi", "mises-a-jour/historique", "mises-a-jour/import", "support", "api/updates"):
        assert admin.get(path).status_code == 200
    connection.set_trace_callback(None)
    tables = "|".join(model._meta.table_name for model in (Update, PhaseRecord, Event))
    names = {sql: set(re.findall(f'"(?:{tables})" AS "(t\\d)"', sql)) for sql in asked if sql.startswith("SELECT")}
    selects = [sql for sql in names if names[sql]]
    assert len(selects) > 10
    for sql in selects:
        newest_first = "WHERE" not in sql and "LIMIT" in sql
        steps = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
        scanned = {step.split()[1] for step in steps if step.startswith("SCAN")}
        assert newest_first or not scanned & names[sql], (steps, sql)


def test_history_goes_on_page_by_page(site: Site, admin: Browser) -> None:
    many_updates(site, ROWS + 2)
    page = admin.get("mises-a-jour/historique").text
    assert 'href="/superviseur/mises-a-jour/historique?avant=3"' in page
    assert "Revenir aux plus récentes" not in page
    older = admin.get("mises-a-jour/historique?avant=3").text
    assert older.count("update=1") == older.count("update=2") == 1
    assert "Revenir aux plus récentes" in older
    assert "Voir les plus anciennes" not in older


def test_history_as_csv_is_no_formula(site: Site, admin: Browser) -> None:
    site.update(UpdateStatus.SUCCEEDED, to="=1+1")
    lines = admin.get("mises-a-jour/historique.csv").text.splitlines()
    assert lines[0].startswith("id,product,from,to,status")
    assert ",'=1+1," in lines[1]
