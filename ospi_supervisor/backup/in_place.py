"""A PostgreSQL database restored without leaving its place: the way of a role that may not create another.

What the role owns in it is dropped, one after the other, and made anew from the dump; what others own (extensions, most
often) stays as it is. The trial is made in a server of this program's own, as a role that may no more than theirs.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from ospi_supervisor.backup import creation, sessions
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.backup.scratch_server import OWNER, scratch_server
from ospi_supervisor.errors import BackupError
from ospi_supervisor.system.temporary import temporary_folder

LOCK_SECONDS = 60
"""How long a session of others that holds a table is waited for."""
MAY_CREATE = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user;"
NOT_ALONE = """SELECT count(*) FROM pg_extension JOIN pg_namespace home ON home.oid = extnamespace
WHERE home.oid = {} AND NOT pg_has_role(extowner, 'USAGE')"""
OWNED = f"""SET client_min_messages = warning;
SELECT CASE kind WHEN 'large object' THEN format('SELECT lo_unlink(%s)', objid)
    WHEN 'user mapping' THEN format('DROP USER MAPPING IF EXISTS FOR %s', replace(name, ' on server ', ' SERVER '))
    WHEN 'statistics object' THEN format('DROP STATISTICS IF EXISTS %s CASCADE', name)
    ELSE format('DROP %s IF EXISTS %s CASCADE', replace(kind, '-', ' '), name) END
FROM (SELECT owned.*, object.type AS kind, object.identity AS name
    FROM pg_shdepend owned, pg_identify_object(classid, objid, 0) object
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND refclassid = 'pg_authid'::regclass AND deptype = 'o' AND pg_has_role(refobjid, 'USAGE')) AS owned
WHERE kind <> 'default acl' AND NOT (kind = 'schema' AND (name = 'public' OR ({NOT_ALONE.format("objid")}) > 0))
AND NOT EXISTS (SELECT FROM pg_depend WHERE pg_depend.classid = owned.classid AND pg_depend.objid = owned.objid
    AND pg_depend.deptype = 'e')
ORDER BY kind <> 'extension', kind = 'schema' \\gexec
"""  # noqa: S608 - constants
"""Each by a statement of its own: in one transaction a server would run out of locks."""
DEFAULTS = """SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s', pg_get_userbyid(owner),
    ' IN SCHEMA ' || quote_ident(nspname), kind, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
FROM (SELECT DISTINCT defaclrole AS owner, defaclnamespace AS home, grantee,
    CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
        ELSE 'SCHEMAS' END AS kind
    FROM pg_default_acl, aclexplode(defaclacl) WHERE pg_has_role(defaclrole, 'USAGE')) AS given
LEFT JOIN pg_namespace ON pg_namespace.oid = home \\gexec
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s ON %s TO %s', pg_get_userbyid(defaclrole), privilege_type,
    CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
        ELSE 'SCHEMAS' END, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
FROM pg_default_acl,
aclexplode(acldefault(CASE defaclobjtype WHEN 'S' THEN 's' ELSE defaclobjtype END, defaclrole))
WHERE defaclnamespace = 0 AND pg_has_role(defaclrole, 'USAGE') \\gexec
"""
"""What new objects are given: back to what the server does by itself."""
PROPERTIES = """SELECT format('ALTER DATABASE %I RESET ALL', datname) FROM pg_database
WHERE datname = current_database() \\gexec
SELECT format('ALTER ROLE %I IN DATABASE %I RESET ALL', rolname, current_database())
FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole JOIN pg_database ON pg_database.oid = setdatabase
WHERE datname = current_database() \\gexec
SELECT format('COMMENT ON DATABASE %I IS NULL', current_database()) \\gexec
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', current_database()) \\gexec
SELECT format('ALTER DATABASE %I CONNECTION LIMIT -1', current_database()) \\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM %s', datname,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
FROM pg_database, aclexplode(datacl) WHERE datname = current_database() \\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, datname,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
FROM pg_database, aclexplode(acldefault('d', datdba)) WHERE datname = current_database() \\gexec
"""
STRANGE = """SELECT format('%s %s', type, identity) FROM pg_shdepend owned, pg_identify_object(classid, objid, 0)
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND refclassid = 'pg_authid'::regclass
AND owned.deptype = 'o' AND NOT pg_has_role(refobjid, 'USAGE') AND type NOT IN ('extension', 'schema')
AND NOT EXISTS (SELECT FROM pg_depend WHERE pg_depend.classid = owned.classid AND pg_depend.objid = owned.objid
    AND pg_depend.deptype = 'e') LIMIT 5;
"""
THEIRS = "NOT pg_has_role(nspowner, 'USAGE') AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
STANDING = f"""SELECT format(kind, nspname, pg_get_userbyid(nspowner)) FROM pg_namespace
CROSS JOIN (VALUES ('SCHEMA - %s %s'), ('ACL - SCHEMA %s %s')) AS kinds (kind) WHERE {THEIRS}
UNION ALL SELECT format('SCHEMA - %s %s', nspname, pg_get_userbyid(nspowner)) FROM pg_namespace
WHERE nspname = 'public' OR ({NOT_ALONE.format("pg_namespace.oid")}) > 0
UNION ALL SELECT format(kind, extname) FROM pg_extension
CROSS JOIN (VALUES ('EXTENSION - %s'), ('COMMENT - EXTENSION %s')) AS kinds (kind)
WHERE NOT pg_has_role(extowner, 'USAGE')
UNION ALL SELECT format('ACL - FOREIGN DATA WRAPPER %s %s', fdwname, pg_get_userbyid(fdwowner))
FROM pg_foreign_data_wrapper WHERE NOT pg_has_role(fdwowner, 'USAGE');
"""  # noqa: S608 - constants
"""What others own, and what they gave of it, as a dump's table of contents tells it: it is not made anew."""
ENTRY = re.compile(r"\d+; \d+ \d+ (.*)")
GIVEN = "ACL - "
PUBLIC = f"{GIVEN}SCHEMA public "
"""It stays as well, and is given again what a migration took from it."""
OTHERS = f"""SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I;', nspname, pg_get_userbyid(nspowner))
FROM pg_namespace WHERE {THEIRS} OR nspname !~ '^pg_' AND ({NOT_ALONE.format("pg_namespace.oid")}) > 0;
SELECT format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I VERSION %L CASCADE;', extname, nspname, extversion)
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE nspname <> 'pg_catalog' AND NOT pg_has_role(extowner, 'USAGE');
"""  # noqa: S608 - constants
MEMBERS = """SELECT format('GRANT %I TO %I;', pg_get_userbyid(roleid), pg_get_userbyid(member)) FROM pg_auth_members
WHERE pg_get_userbyid(roleid) !~ '^pg_' AND pg_get_userbyid(member) !~ '^pg_';
"""


def is_needed(client: Client, tick: Callable[[], None]) -> bool:
    """Whether the role may make no database. BackupError."""
    return not may_create(client.ask(MAY_CREATE, tick, database=MAINTENANCE))


def may_create(answer: list[str]) -> bool:
    """Whether the role may make a database, where the server gave that `answer` to `MAY_CREATE`."""
    return answer == ["t"]


def check(client: Client, tick: Callable[[], None]) -> None:
    """BackupError where something in the database would be in the way of a restore: the role may not drop it."""
    if strange := client.ask(STRANGE, tick):
        raise BackupError(f"base « {client.name} » : d'autres rôles y possèdent {', '.join(strange)}")


def trial(client: Client, dump: Path, folder: Path, tick: Callable[[], None]) -> None:
    """BackupError where the role could not fill its database from `dump`, rows and all; `folder` is made for it."""
    (role,) = client.ask("SELECT current_user;", tick)
    with scratch_server(client, folder, tick) as scratch, temporary_folder() as name:
        secret = Path(name, "secret")
        secret.write_text(secrets.token_hex(), encoding="ascii")
        login = f"ALTER ROLE :\"role\" LOGIN PASSWORD '{secret.read_text()}';"
        scratch.ask("\n".join((login, *client.ask(MEMBERS, tick))), tick, role=role)
        scratch.ask(creation.script(*creation.elsewhere(creation.of_dump(client, dump, tick))), tick)
        address = scratch.url.removesuffix(MAINTENANCE) + quote(client.database)
        scratch.ask("\n".join(client.ask(OTHERS, tick)), tick, database=client.database)
        standing = _standing(client, tick)
        _fill(replace(scratch, url=address), dump, lambda entry: _is_given(entry, standing), tick)
        login = address.replace(f"//{OWNER}@", f"//{quote(role, safe='')}@", 1)
        present = replace(scratch, url=login, password_file=secret)
        _fill(present, dump, lambda entry: entry not in standing, tick, "--no-tablespaces")


def restore(client: Client, dump: Path, tick: Callable[[], None], made: Sequence[str] | None = None) -> None:
    """Drop what the role owns in the database, and make it anew from `dump`, with the database's own properties.

    `made` are the statements of a dump that does not say how its database is made, as `Creation` has them.

    Killed at any moment, it can be called again. Nobody else uses the database: our role's sessions are ended. Others'
    are borne, unless one holds what is to be dropped: BackupError, which names them.
    """
    sessions.enter_alone(client, client.database, tick)
    try:
        client.ask(f"SET lock_timeout = '{LOCK_SECONDS}s';\n{OWNED}", tick)
    except BackupError as error:
        if holding := sessions.others(client, client.database, tick, 0):
            raise BackupError(f"base « {client.name} » : {sessions.in_use(holding)} ({error})") from error
        raise
    standing = _standing(client, tick, DEFAULTS)
    _fill(client, dump, lambda entry: entry not in standing, tick)
    encoding, _, properties = made or creation.of_dump(client, dump, tick)
    if properties != creation.of_database(client, tick).properties:
        client.ask(f"{PROPERTIES}{creation.script(encoding, properties)}", tick)


def _is_given(entry: str, standing: set[str]) -> bool:
    return entry.startswith(PUBLIC) or (entry.startswith(GIVEN) and entry in standing)


def _standing(client: Client, tick: Callable[[], None], before: str = "") -> set[str]:
    """What others own, once the statements `before` are done, which answer nothing."""
    return {line.rstrip() for line in client.ask(f"{before}{STANDING}", tick)}


def _fill(client: Client, dump: Path, wanted: Callable[[str], bool], tick: Callable[[], None], *options: str) -> None:
    """Restore what is `wanted` of the entries of the table of contents."""
    found = ((ENTRY.fullmatch(line), line) for line in client.read(dump, "--list", tick=tick).splitlines())
    chosen = "\n".join(line for entry, line in found if entry and wanted(entry[1].rstrip()))
    client.load(dump, "--exit-on-error", "--use-list=/dev/stdin", *options, tick=tick, given=chosen)
