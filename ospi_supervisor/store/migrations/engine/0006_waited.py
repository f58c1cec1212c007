"""What an update waited for its hour, and for who validates it, is no time that it took."""

from peewee import Database, FloatField
from playhouse.migrate import SqliteMigrator

from ospi_supervisor.store.fields import InstantField


def up(migrator: SqliteMigrator, db: Database) -> None:
    """Add the three columns."""
    migrator.migrate(
        migrator.add_column("update", "held_since", InstantField(null=True)),
        migrator.add_column("update", "held_seconds", FloatField(null=True)),
        migrator.add_column("update", "validation_seconds", FloatField(null=True)),
    )
