"""Who uses a PostgreSQL database: it can be neither renamed nor dropped while anybody does.

Our role may end its own sessions, and those of roles that it is a member of; never a superuser's.
"""

import time
from collections.abc import Callable

from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.errors import BackupError

WAIT_SECONDS = 60.0
"""How long a database that is to be emptied waits for what our role cannot end."""
POLL_SECONDS = 0.5

SESSIONS = """FROM pg_stat_activity LEFT JOIN pg_roles theirs ON theirs.oid = usesysid
JOIN pg_roles ours ON ours.rolname = current_user
WHERE datname = :'name' AND pid <> pg_backend_pid() AND usesysid IS NOT NULL AND
"""
"""Autovacuum's workers belong to nobody, and give way by themselves."""
OURS = "coalesce(pg_has_role(usesysid, 'USAGE') AND (ours.rolsuper OR NOT theirs.rolsuper), false)"
OTHERS = f"""SELECT format('session %s : %s (%s)', pid, usename, application_name) {SESSIONS} NOT {OURS}
UNION ALL SELECT format('PREPARE TRANSACTION %s', gid) FROM pg_prepared_xacts WHERE database = :'name';
"""  # noqa: S608 - constants
END = f"SELECT pg_terminate_backend(pid) {SESSIONS} {OURS};\n"
CLOSE = f"""SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', datname) FROM pg_database
WHERE datname = :'name' AND datconnlimit <> -2 \\gexec
{END}"""  # noqa: S608 - constants; a limit of -2 is that of a database whose drop was cut short: it can only be dropped

HOLDING = f"""SELECT DISTINCT format('session %s : %s (%s)', pid, usename, application_name) {SESSIONS} NOT {OURS}
AND EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE pg_locks.pid = pg_stat_activity.pid AND pg_database.datname = :'name' AND locktype = 'relation')
UNION ALL SELECT format('PREPARE TRANSACTION %s', gid) FROM pg_prepared_xacts WHERE database = :'name';
"""  # noqa: S608 - constants
PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = :'name' AND owner = current_user;"
"""What our role prepared there and left."""
ROLL_BACK = """SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts
WHERE database = current_database() AND owner = current_user \\gexec
"""
OPEN = """SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname) FROM pg_database
WHERE datname = :'name' AND NOT datallowconn AND datconnlimit <> -2 \\gexec
"""
UNLIMIT = """SELECT format('ALTER DATABASE %I CONNECTION LIMIT -1', datname) FROM pg_database
WHERE datname = :'name' AND datconnlimit >= 0 \\gexec
"""

DROP = """SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database
WHERE datname = :'{0}' AND datistemplate AND datconnlimit <> -2 \\gexec
DROP DATABASE IF EXISTS :"{0}";
"""
"""Of the database that the variable of that name names. A template cannot be dropped."""


def others(client: Client, name: str, tick: Callable[[], None], seconds: float) -> list[str]:
    """What uses the database `name` for `seconds` on end and cannot be ended by our role: nothing most often.

    A supervision's short session is waited for. BackupError where the server cannot be asked.
    """
    return _staying(client, name, tick, seconds, client.ask(OTHERS, tick, database=MAINTENANCE, name=name))


def _staying(client: Client, name: str, tick: Callable[[], None], seconds: float, seen: list[str]) -> list[str]:
    """Those of `seen` that stay."""
    deadline, standing = time.monotonic() + seconds, set(seen)
    while standing and time.monotonic() < deadline:
        tick()
        time.sleep(POLL_SECONDS)
        standing &= set(client.ask(OTHERS, tick, database=MAINTENANCE, name=name))
    return sorted(standing)


def close(client: Client, name: str, tick: Callable[[], None], seconds: float | None = None) -> None:
    """Let nobody in any more, end our role's sessions, wait for the others. BackupError naming those that stay."""
    _, seen = client.ask_each((CLOSE, OTHERS), tick, database=MAINTENANCE, name=name)
    if standing := _staying(client, name, tick, WAIT_SECONDS if seconds is None else seconds, seen):
        raise BackupError(f"base « {client.name} » : {in_use(standing)}")


def enter(client: Client, name: str, tick: Callable[[], None]) -> None:
    """Let our role into the database `name`, however a migration closed it. BackupError."""
    client.ask(OPEN + UNLIMIT, tick, database=MAINTENANCE, name=name)


def enter_alone(client: Client, name: str, tick: Callable[[], None]) -> None:
    """The same, and end our role's sessions there."""
    client.ask(OPEN + UNLIMIT + END, tick, database=MAINTENANCE, name=name)


def end_prepared(client: Client, name: str, tick: Callable[[], None]) -> None:
    """Roll back what our role prepared in the database `name` and left there (`PREPARED`): nobody else will.
    BackupError."""
    enter(client, name, tick)
    client.ask(ROLL_BACK, tick, database=name)


def holding(client: Client, name: str, tick: Callable[[], None]) -> list[str]:
    """What holds a table or more of the database `name` and cannot be ended by our role. BackupError."""
    return client.ask(HOLDING, tick, database=MAINTENANCE, name=name)


def drop(client: Client, name: str, tick: Callable[[], None]) -> None:
    """Drop the database `name`, if it is there. BackupError as in `close`."""
    close(client, name, tick)
    client.ask(DROP.format("name"), tick, database=MAINTENANCE, name=name)


def in_use(standing: list[str]) -> str:
    """What to do about `standing`."""
    return (
        f"le rôle de la plateforme ne peut pas écarter ce qui l'utilise ({', '.join(standing)}), et cela empêche de la"
        " restaurer ; fermez ces sessions (supervision, sauvegarde, administration), puis recommencez"
    )
