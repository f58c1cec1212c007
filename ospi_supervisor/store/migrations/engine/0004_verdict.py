"""A validation is decided once: what, and by whom."""

from peewee import CharField, Database
from playhouse.migrate import SqliteMigrator


def up(migrator: SqliteMigrator, db: Database) -> None:
    """Add the two columns."""
    migrator.migrate(
        migrator.add_column("update", "verdict", CharField(null=True)),
        migrator.add_column("update", "decided_by", CharField(null=True)),
    )
