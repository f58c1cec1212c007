"""Promise: what an older version wrote is opened, whole; what a newer one wrote is left alone."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playhouse.migrations import Migration

from ospi_supervisor import __version__
from ospi_supervisor.errors import NewerFormatError, StateError
from ospi_supervisor.jobs.queue import QUEUE_FORMAT, Queue
from ospi_supervisor.store.connections import connection_to
from ospi_supervisor.store.database import ReadOnlyDatabase, sqlite_url
from ospi_supervisor.store.engine_models import ENGINE_FORMAT
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.formats import Format
from ospi_supervisor.store.web_models import WEB_FORMAT
from ospi_supervisor.store.web_store import WebStore
from tests.support.old_state import lay_out_old_site, old_updates

NOW = datetime(2026, 11, 29, tzinfo=UTC)
WAITED = ("held_since", "held_seconds", "validation_seconds")
SINCE = ("verdict", "decided_by", "switch_at", "wake_at", "announce_minutes", "announcement", *WAITED)
ADDED = {("update", name) for name in SINCE}
"""The columns that came since version 0.1.0."""
FORMATS = (ENGINE_FORMAT, WEB_FORMAT, QUEUE_FORMAT)


def opened(path: Path, wanted: Format) -> None:
    """Open the database as the process that writes it does."""
    openers: dict[str, Callable[[], Any]] = {
        "engine": lambda: EngineStore(sqlite_url(path)).close(),
        "web": lambda: WebStore(sqlite_url(path)).close(),
        "queue": lambda: Queue(path),
    }
    openers[wanted.name]()


@pytest.fixture
def old_files(tmp_path: Path) -> dict[str, Path]:
    """The three databases of a supervisor of 0.1.0, by the names of their formats."""
    lay_out_old_site(tmp_path)
    state = tmp_path / "state"
    return {"engine": state / "engine/engine.db", "web": state / "web/web.db", "queue": state / "queue/huey.db"}


def schema(path: Path) -> dict[str, Any]:
    """Each table with its columns (type, NOT NULL, default, key), and each index, but not their order in the file."""
    with closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        tables = [name for kind, name, _ in names if kind == "table"]
        columns = {
            name: {row[1]: row[2:] for row in database.execute(f'PRAGMA table_info("{name}")')} for name in tables
        }
        keys = {name: {row[2:7] for row in database.execute(f'PRAGMA foreign_key_list("{name}")')} for name in tables}
        return {
            "columns": columns,
            "keys": keys,
            "indexes": {name: sql for kind, name, sql in names if kind == "index"},
        }


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that the tables hold, but the two that say the format."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = sorted(set(tables) - {"schema_migration", "written_by"})
        return {name: database.execute(f'SELECT {_columns(database, name)} FROM "{name}"').fetchall() for name in kept}  # noqa: S608


def _columns(database: sqlite3.Connection, table: str) -> str:
    """Those that version 0.1.0 had."""
    names = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    return ", ".join(f'"{name}"' for name in names if (table, name) not in ADDED)


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def contents(folder: Path) -> dict[str, bytes]:
    """The folder's files; not what lies in the index of a write-ahead log, which any reader makes anew."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return {path.name: b"" if path.name.endswith("-shm") else path.read_bytes() for path in files}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda wanted: wanted.name)
def test_the_migrations_alone_make_the_schema_of_a_new_database(
    old_files: dict[str, Path], tmp_path: Path, wanted: Format
) -> None:
    """Whoever adds a table, a column or an index to a model adds its migration."""
    old, new = old_files[wanted.name], tmp_path / "new.db"
    for path, do in ((old, lambda database: wanted.migrate(database)), (new, lambda database: wanted.create(database))):
        with closing(connection_to(str(path), {})) as database:
            database.connect()
            do(database)
    fresh, migrated = schema(new), schema(old)
    if wanted is QUEUE_FORMAT:  # huey's own tables are no matter of ours
        migrated = {kind: {name: found[name] for name in fresh[kind]} for kind, found in migrated.items()}
    assert migrated == fresh


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda wanted: wanted.name)
def test_migrations_are_numbered_one_by_one(wanted: Format) -> None:
    numbers = [migration.idx for migration in Migration.load_directory(str(wanted.folder))]
    assert numbers == list(range(2, 2 + len(numbers)))


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda wanted: wanted.name)
def test_an_older_one_is_put_aside_then_migrated(old_files: dict[str, Path], wanted: Format) -> None:
    path = old_files[wanted.name]
    before = rows(path)
    mode = path.stat().st_mode
    opened(path, wanted)
    after = rows(path)
    assert {name: after[name] for name in before} == before
    copy = path.with_name(f"{path.name}.format-1")
    assert rows(copy) == before
    assert copy.stat().st_mode == path.stat().st_mode == mode
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT program FROM written_by").fetchall() == [(__version__,)]
    beside = files(path.parent)
    changed_at = copy.stat().st_mtime_ns
    opened(path, wanted)
    assert files(path.parent) == beside
    assert copy.stat().st_mtime_ns == changed_at


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda wanted: wanted.name)
def test_another_version_of_the_same_format_signs_and_copies_nothing(tmp_path: Path, wanted: Format) -> None:
    path = tmp_path / "new.db"
    opened(path, wanted)
    change(path, "UPDATE written_by SET program = '0.0.1'")
    opened(path, wanted)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT program FROM written_by").fetchall() == [(__version__,)]
    assert not list(tmp_path.glob("*.format-*"))


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda wanted: wanted.name)
def test_a_newer_one_is_refused_and_nothing_in_it_changes(old_files: dict[str, Path], wanted: Format) -> None:
    path = old_files[wanted.name]
    opened(path, wanted)
    change(
        path,
        "INSERT INTO schema_migration (name, applied) VALUES ('9999_of_tomorrow', '2030-01-01 00:00:00')",
        "UPDATE written_by SET program = '7.8.9'",
    )
    before = contents(path.parent)
    with pytest.raises(NewerFormatError, match=r"la version 7\.8\.9 de Superviseur qui l'a écrit") as refusal:
        opened(path, wanted)
    assert "\n" not in str(refusal.value)
    with (
        pytest.raises(NewerFormatError, match=r"7\.8\.9"),
        closing(ReadOnlyDatabase(sqlite_url(path), wanted)) as reader,
    ):
        reader.read(lambda database: None)
    assert contents(path.parent) == before


def test_one_that_became_newer_since_it_was_opened_is_not_written(tmp_path: Path) -> None:
    store = WebStore(sqlite_url(tmp_path / "web.db"))
    change(tmp_path / "web.db", "INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2030-01-01 00:00:00')")
    with pytest.raises(NewerFormatError):
        store.add_account("alice", "x", (), NOW)
    with pytest.raises(NewerFormatError):
        store.accounts()
    store.close()


def test_who_only_reads_an_older_one_says_whom_to_start(old_files: dict[str, Path]) -> None:
    before = contents(old_files["engine"].parent)
    with closing(EngineReader(sqlite_url(old_files["engine"]))) as reader:
        with pytest.raises(StateError, match="démarrez le service de mise à jour, qui l'y amène"):
            reader.updates(100)
        assert contents(old_files["engine"].parent) == before
        EngineStore(sqlite_url(old_files["engine"])).close()
        assert len(reader.updates(100)) == 3


COLUMNS = [
    pytest.param(wanted, field, id=f"{wanted.name}-{model._meta.table_name}.{field.column_name}")
    for wanted in FORMATS
    for model in wanted.tables
    for field in model._meta.sorted_fields
    if not (field.primary_key or field.index or field.unique)  # SQLite drops none of these
]


@pytest.mark.parametrize(("wanted", "field"), COLUMNS)
def test_a_column_that_is_not_there_is_added_with_its_default_or_told(
    old_files: dict[str, Path], wanted: Format, field: Any
) -> None:
    path, table = old_files[wanted.name], field.model._meta.table_name
    opened(path, wanted)
    whole, before = schema(path), rows(path)
    for index in whole["indexes"]:
        if field.column_name in str(whole["indexes"][index]):
            change(path, f'DROP INDEX "{index}"')
    change(path, f'ALTER TABLE "{table}" DROP COLUMN "{field.column_name}"')
    if field.null or field.default is not None:
        opened(path, wanted)
        assert schema(path) == whole
        assert [len(found) for found in rows(path).values()] == [len(found) for found in before.values()]
        return
    damaged = path.read_bytes()
    with pytest.raises(StateError, match=f"endommagée \\(colonne {table}.{field.column_name} absente\\)"):
        opened(path, wanted)
    assert path.read_bytes() == damaged


TABLES = [
    pytest.param(wanted, model._meta.table_name, id=f"{wanted.name}-{model._meta.table_name}")
    for wanted in FORMATS
    for model in wanted.models
]


@pytest.mark.parametrize(("wanted", "table"), TABLES)
def test_a_table_that_is_not_there_is_made_or_told(old_files: dict[str, Path], wanted: Format, table: str) -> None:
    path = old_files[wanted.name]
    opened(path, wanted)
    whole = schema(path)
    change(path, f'DROP TABLE "{table}"')
    if table in ("update", "account"):  # rows of other tables belong to theirs
        with pytest.raises(StateError, match=r"endommagée .*contactez le support"):
            opened(path, wanted)
        return
    opened(path, wanted)
    assert schema(path) == whole


def test_who_reads_one_that_lacks_something_says_what_to_do(old_files: dict[str, Path]) -> None:
    opened(old_files["engine"], ENGINE_FORMAT)
    change(old_files["engine"], 'ALTER TABLE "update" DROP COLUMN attempts')
    reader = EngineReader(sqlite_url(old_files["engine"]))
    with closing(reader), pytest.raises(StateError, match="redémarrez les services"):
        reader.updates(100)


def test_every_old_update_is_opened(tmp_path: Path) -> None:
    for name, old in old_updates().items():
        path = tmp_path / name / "engine.db"
        old.write(path)
        before = rows(path)
        opened(path, ENGINE_FORMAT)
        assert rows(path) == before, name


def test_the_index_that_keeps_to_one_update_is_made_anew(old_files: dict[str, Path]) -> None:
    opened(old_files["engine"], ENGINE_FORMAT)
    whole = schema(old_files["engine"])
    change(old_files["engine"], "DROP INDEX one_update_under_way")
    opened(old_files["engine"], ENGINE_FORMAT)
    assert schema(old_files["engine"]) == whole
