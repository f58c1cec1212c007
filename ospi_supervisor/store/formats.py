"""The format of a database: which migrations it has had, and which program wrote it.

Peewee's own migrations do the work; here is what they leave out: a newer database is refused before anything in it is
touched, an older one is copied aside first, and all that is missing is done in one transaction.
"""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from peewee import SQL, CharField, Database, IntegerField, Model, OperationalError, RawQuery, SchemaManager

from ospi_supervisor import __version__
from ospi_supervisor.errors import NewerFormatError, StateError
from ospi_supervisor.system.formats import newer

# What migrates is loaded by who migrates: the shell only reads.
logger = logging.getLogger(__name__)

HISTORY = "schema_migration"
"""The table of the migrations that were done, by their names. It, and `written_by`, are the same in every format."""
MIGRATIONS = Path(__file__).parent / "migrations"


class WrittenBy(Model):
    """Which version of the program brought the database to its format: one row."""

    id = IntegerField(primary_key=True, constraints=[SQL("CHECK (id = 1)")])
    program = CharField()

    class Meta:
        table_name = "written_by"


@dataclass(frozen=True)
class Format:
    """The format that this program gives a kind of database, named as the folder of its migrations.

    `service` is who migrates it, as whoever only reads it calls that process.
    """

    name: str
    tables: tuple[type[Any], ...]
    service: str

    @property
    def folder(self) -> Path:
        """Where its migrations lie."""
        return MIGRATIONS / self.name

    @cached_property
    def migrations(self) -> tuple[str, ...]:
        """Their names, in their order."""
        return tuple(sorted(path.stem for path in self.folder.glob("[0-9]*.py")))

    @property
    def number(self) -> int:
        """The number of the format: that of the last migration."""
        return _number(self.migrations[-1])

    @property
    def models(self) -> tuple[type[Any], ...]:
        """Every table of the program's own."""
        return (*self.tables, WrittenBy)

    def create(self, database: Database) -> None:
        """Make all that a new database has."""
        create_tables(database, self.models)
        self._runner(database).fake()
        self._sign(database)

    def pending(self, database: Database, path: Path) -> tuple[str, ...]:
        """The migrations that the database at `path` has not had; NewerFormatError where it had others."""
        done = _done(database)
        if done.difference(self.migrations):
            raise NewerFormatError(newer(f"la base {path}", _writer(database)))
        return tuple(name for name in self.migrations if name not in done)

    def check(self, database: Database, path: Path) -> None:
        """StateError where the database at `path` is not of this very format."""
        if self.pending(database, path):
            raise StateError(
                f"la base {path} est d'un format antérieur à celui de cette version ({__version__}) ; démarrez"
                f" {self.service}, qui l'y amène"
            )

    def is_whole(self, database: Database) -> bool:
        """Whether nothing that the program relies on is missing."""
        from playhouse.schema_diff import diff_models

        found = diff_models(database, self.models)
        return not (found.create_tables or found.add_columns)

    def is_done(self, database: Database, path: Path) -> bool:
        """Whether there is nothing to do to the database at `path`, and it names this program."""
        return not self.pending(database, path) and self.is_whole(database) and _writer(database) == __version__

    def migrate(self, database: Database) -> list[str]:
        """Run the migrations that it has not had, in their order; their names."""
        done: list[str] = self._runner(database).up()
        return done

    def complete(self, database: Database, path: Path) -> None:
        """Do what is missing, within the caller's transaction, in which no foreign key is enforced.

        Where a migration was said to be done and its table or column is not there, it is added with its default, as
        the migration would have done; StateError where it has none: what it held cannot be made up.
        """
        for name in self.migrate(database):
            logger.info("%s: %s", path, name)
        self._add_columns(database, path)
        create_tables(database, self.models)
        if broken := list(RawQuery("PRAGMA foreign_key_check").tuples().execute(database)):
            raise _damaged(path, f"{len(broken)} lignes sans celles dont elles dépendent")
        self._sign(database)

    def _add_columns(self, database: Database, path: Path) -> None:
        from playhouse.migrate import SqliteMigrator
        from playhouse.schema_diff import diff_models

        migrator = SqliteMigrator(database)
        for field in diff_models(database, self.models).add_columns:
            table, column = field.model._meta.table_name, field.column_name
            if not field.null and field.default is None:
                raise _damaged(path, f"colonne {table}.{column} absente")
            logger.warning("%s: column %s.%s was missing", path, table, column)
            migrator.migrate(migrator.add_column(table, column, field))

    def _runner(self, database: Database) -> Any:
        from playhouse.migrations import Runner

        return Runner(database, str(self.folder), HISTORY)

    def _sign(self, database: Database) -> None:
        WrittenBy.insert(id=1, program=__version__).on_conflict_replace().execute(database)


def create_tables(database: Database, models: tuple[type[Any], ...]) -> None:
    """Make what is missing of the tables and indexes of `models`, without binding them to `database`."""
    for model in models:
        SchemaManager(model, database).create_all()


def number(pending: tuple[str, ...]) -> int:
    """The number of the format that a database has which still wants these migrations, in their order."""
    return _number(pending[0]) - 1


def _damaged(path: Path, how: str) -> StateError:
    return StateError(f"la base {path} est endommagée ({how}) ; n'y touchez pas et contactez le support")


def _number(migration: str) -> int:
    return int(migration.split("_")[0])


def _done(database: Database) -> set[str]:
    """The migrations that the database has had; none in version 0.1.0's."""
    try:
        rows = list(RawQuery(f'SELECT name FROM "{HISTORY}"').tuples().execute(database))  # noqa: S608 - a constant
    except OperationalError as error:
        if "no such table" not in str(error):
            raise
        return set()
    return {str(name) for (name,) in rows}


def _writer(database: Database) -> str:
    """The program that wrote the database; that of version 0.1.0 did not say."""
    if not database.table_exists("written_by"):
        return "0.1.0"
    rows = list(WrittenBy.select().tuples().execute(database))
    return str(rows[0][1]) if rows else "0.1.0"
