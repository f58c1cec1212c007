"""A SQLite database in a twin: the snapshot's dump, in the place of the platform's file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.backup.inventory import Facts, bytes_in
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError, NotRehearsedError
from ospi_supervisor.hands.accounts import Account, account_named, owner_of
from ospi_supervisor.hands.sandbox import program
from ospi_supervisor.rehearsal.databases import Inside, Needs, Program, Tick, UnloadableError

COUNT_SECONDS = 3600.0


@dataclass
class SqliteTwin:
    """The database `name`, whose file lies at `path` today and is `account`'s, else that of its folder's owner."""

    name: str
    path: Path
    account: str | None = None

    def weight(self) -> int:
        """The bytes of its file and of its log."""
        return sum(bytes_in(Path(f"{self.path}{suffix}")) for suffix in ("", "-wal"))

    def prepare(self, dump: Path, facts: Facts, place: Path, tick: Tick) -> Needs:
        """The dump is the database."""
        self.path = Path(facts.get("path", self.path))
        return Needs(files={self.path: (dump, facts)})

    def start(self, inside: Inside, tick: Tick) -> Mapping[str, int]:
        """There is no server: its tables are read, as its account. UnloadableError names one that cannot be."""
        command = tuple(program("sqlite_rows", str(self.path)))
        status, said = inside.run(Program(command=command, account=self._owner()), COUNT_SECONDS)
        try:
            answer = json.loads(said)
        except ValueError:
            answer = {}
        match answer:
            case {"rows": dict(rows)} if status == 0:
                return {str(table): int(count) for table, count in rows.items()}
            case {"damaged": [str(table), str(words)]}:
                raise UnloadableError(f"base « {self.name} » : la table « {table} » ne se lit pas : {words}")
        raise NotRehearsedError(f"base « {self.name} » : ses lignes n'ont pas pu être comptées : {said[-300:].strip()}")

    def _owner(self) -> Account:
        try:
            return account_named(self.account) if self.account else owner_of(self.path.parent)
        except (BackupError, OSError) as error:
            raise NotRehearsedError(f"base « {self.name} » : {error}") from error


def of_tables(tables: Sequence[DatabaseTable], account: str | None) -> list[SqliteTwin]:
    """The twins of the SQLite databases among `tables`."""
    return [
        SqliteTwin(table.name, file.resolve(), table.account or account)
        for table in tables
        if (file := table.sqlite_file) is not None
    ]
