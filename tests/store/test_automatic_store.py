"""What the worker records of the automatic update, and what others read of it."""

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

from ospi_supervisor.store.automatic_documents import RunDocument
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def test_the_servers_identifier_is_drawn_once(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "engine.db")
    drawn = set()
    for _ in range(2):
        engine = EngineStore(url)
        drawn.add(AutomaticStore(engine).state().server_id)
        engine.close()
    assert len(drawn) == 1


RUN: RunDocument = {"at": "", "night": None, "message": "", "update": None, "ok": True}


def test_what_is_noted_is_read_by_others(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "engine.db")
    engine, reader = EngineStore(url), EngineReader(url)
    assert reader.automatic() is None
    AutomaticStore(engine).note(last_night=date(2026, 11, 21), last_run=RUN)
    row = reader.automatic()
    assert row is not None
    assert (row.last_night, row.last_run, row.activity) == (date(2026, 11, 21), RUN, None)
    assert reader.setting("x") is None
    for value in ("NON", "OUI"):
        AutomaticStore(engine).change_setting("x", value, "alice", NOW)
    setting = reader.setting("x")
    assert setting is not None
    assert (setting.value, setting.changed_at, setting.changed_by) == ("OUI", NOW, "alice")
    engine.close()
    reader.close()


def test_a_database_of_a_former_version_gets_the_tables_that_it_lacks(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "engine.db")
    EngineStore(url).close()
    database = sqlite3.connect(tmp_path / "engine.db")
    database.executescript("DROP TABLE automatic; DROP TABLE settinginforce;")
    database.close()
    engine = EngineStore(url)
    assert AutomaticStore(engine).setting("x") is None
    assert AutomaticStore(engine).state().last_night is None
    engine.close()
