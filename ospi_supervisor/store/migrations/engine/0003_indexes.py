"""Pages ask for the updates of a status, and for the one that installed a version, without looking at all others."""

from peewee import Database
from playhouse.migrate import SqliteMigrator


def up(migrator: SqliteMigrator, db: Database) -> None:
    """Add the two indexes."""
    migrator.migrate(
        migrator.add_index("update", ("status",), name="update_status"),
        migrator.add_index("update", ("to_version",), name="update_to_version"),
    )
