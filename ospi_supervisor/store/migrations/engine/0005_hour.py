"""An update may be prepared and wait for its hour, which users are told; it holds the turn meanwhile."""

from typing import Any

from peewee import Database, Field, IntegerField, RawQuery, TextField
from playhouse.migrate import SqliteMigrator

from ospi_supervisor.store.fields import InstantField

ONE_UNDER_WAY = (
    'CREATE UNIQUE INDEX IF NOT EXISTS one_update_under_way ON "update"'
    " ((status IN ('queued', 'running', 'prepared'))) WHERE status IN ('queued', 'running', 'prepared')"
)


def up(migrator: SqliteMigrator, db: Database) -> None:
    """Add the columns, and widen the index."""
    columns: dict[str, Field[Any]] = {
        "switch_at": InstantField(null=True),
        "wake_at": InstantField(null=True),
        "announce_minutes": IntegerField(null=True),
        "announcement": TextField(null=True),
    }
    migrator.migrate(*(migrator.add_column("update", name, field) for name, field in columns.items()))
    for statement in ("DROP INDEX IF EXISTS one_update_under_way", ONE_UNDER_WAY):
        RawQuery(statement).execute(db)
