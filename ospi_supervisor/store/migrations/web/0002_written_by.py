"""The database says which program wrote it; that of version 0.1.0 said nothing."""

from peewee import SQL, CharField, Database, IntegerField, Model
from playhouse.migrate import SqliteMigrator


def up(migrator: SqliteMigrator, db: Database) -> None:
    """Add the table; `store.formats` fills it."""

    class WrittenBy(Model):
        id = IntegerField(primary_key=True, constraints=[SQL("CHECK (id = 1)")])
        program = CharField()

        class Meta:
            database = db
            table_name = "written_by"

    db.create_tables([WrittenBy])
