"""The database engines that a twin knows. What each gives to it: `databases.py`."""

from collections.abc import Callable, Sequence

from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.rehearsal import postgres_twin, sqlite
from ospi_supervisor.rehearsal.databases import DatabaseTwin

ENGINES: tuple[Callable[[Sequence[DatabaseTable], str | None], Sequence[DatabaseTwin]], ...] = (
    postgres_twin.of_tables,
    sqlite.of_tables,
)
"""Each makes the twins of those of its kind among the configured databases, which may share a server; the text is
`platform.account`."""


def make_twins(tables: Sequence[DatabaseTable], account: str | None) -> list[DatabaseTwin]:
    """The twins of all the databases. NotRehearsedError where one of them cannot be played again, and why."""
    twins = [twin for make in ENGINES for twin in make(tables, account)]
    if missing := {table.name for table in tables} - {twin.name for twin in twins}:
        raise NotRehearsedError(f"la base « {min(missing)} » est d'une sorte qui ne se répète pas")
    return twins
