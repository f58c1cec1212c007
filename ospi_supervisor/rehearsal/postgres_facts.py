"""What a private PostgreSQL server must be like to stand for the real one: the real one tells it, and nothing is
changed there."""

import os
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ospi_supervisor.backup.psql import Client
from ospi_supervisor.backup.scratch_server import programs_for
from ospi_supervisor.errors import BackupError, NotRehearsedError

DEFAULT_PORT = 5432
SOCKETS = Path("/proc/net/unix")
STRICT = ("verify-ca", "verify-full")

OWNER = "SELECT rolname FROM pg_roles WHERE oid = 10;"
"""Whom initdb made: the system's own objects are that role's."""
TEMPLATE = """SELECT pg_encoding_to_char(encoding) || E'\\n' || datcollate || E'\\n' || datctype FROM pg_database
WHERE datname = 'template0';
"""
ROLES = """SELECT format('CREATE ROLE %I WITH %s CONNECTION LIMIT %s;', rolname, concat_ws(' ',
    CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
    CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
    CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
    CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END), rolconnlimit)
FROM pg_roles WHERE rolname !~ '^pg_' AND oid <> 10;
SELECT format('GRANT %I TO %I%s;', pg_get_userbyid(roleid), pg_get_userbyid(member),
    CASE WHEN facts ? 'inherit_option' THEN format(' WITH ADMIN %s, INHERIT %s, SET %s',
        facts->>'admin_option', facts->>'inherit_option', facts->>'set_option')
    WHEN admin_option THEN ' WITH ADMIN OPTION' ELSE '' END)
FROM (SELECT *, to_jsonb(pg_auth_members) AS facts FROM pg_auth_members) AS given
WHERE pg_get_userbyid(member) !~ '^pg_' ORDER BY admin_option DESC;
SELECT format('INSERT INTO pg_db_role_setting SELECT 0, %s, %L::text[];',
    CASE setrole WHEN 0 THEN '0' ELSE format('%L::regrole', quote_ident(pg_get_userbyid(setrole))) END, setconfig)
FROM pg_db_role_setting WHERE setdatabase = 0;
SELECT format('CREATE TABLESPACE %I OWNER %I LOCATION %L;', spcname, pg_get_userbyid(spcowner), '')
FROM pg_tablespace WHERE spcname !~ '^pg_';
"""
"""Roles, memberships and settings of roles in all databases; those in one database are in its dump. Members that may
give a role on come first. Tablespaces lie in the private server's own folder (`allow_in_place_tablespaces`)."""
KEPT = re.compile(
    r"timezone|datestyle|intervalstyle|extra_float_digits|bytea_output|xml.*|gin_.*|lc_.*|default_.*|temp_tablespaces"
    r"|search_path|row_security|check_function_bodies|.*_timeout|standard_conforming_strings|escape_string_warning"
    r"|backslash_quote|array_nulls|quote_all_identifiers|synchronize_seqscans|transform_null_equals|lo_compat_privileges"
    r"|max_locks_per_transaction|max_pred_locks_.*|max_connections|max_prepared_transactions|enable_.*|.*_cost|jit.*"
    r"|geqo.*|from_collapse_limit|join_collapse_limit|plan_cache_mode|constraint_exclusion|work_mem"
    r"|maintenance_work_mem|hash_mem_multiplier|(shared|session|local)_preload_libraries|dynamic_library_path"
    r"|password_encryption|[a-z_0-9]+\..*",
    re.IGNORECASE,
)
"""What the server's configuration says of statements and rows; not what it says of its places and of the network."""
LEFT = re.compile(r"authentication_timeout|wal_.*|tcp_.*|archive_timeout|checkpoint_timeout")
SETTINGS = """SELECT name || '=' || setting FROM pg_settings WHERE source IN ('configuration file', 'command line')
AND setting !~ E'\\n';
"""
STARTED = "SELECT pg_postmaster_start_time();"
EXTENSIONS = "SELECT extname FROM pg_extension;"


@dataclass(frozen=True)
class ServerFacts:
    """The real server of some databases: `sockets` are the folders of its sockets, `addresses` this machine's own that
    its clients use, `names` what they call them, each with its addresses, IPv4 first."""

    programs: Path
    port: int
    owner: str
    template: tuple[str, str, str]
    settings: tuple[str, ...]
    script: str
    sockets: tuple[Path, ...]
    addresses: frozenset[str]
    names: dict[str, tuple[str, ...]]
    extensions: frozenset[str]


def port_of(client: Client) -> int:
    """The port that its address names. NotRehearsedError where it names several, or asks for the real server alone."""
    return _endpoint(client).port


def facts_of(group: Sequence[Client], tick: Callable[[], None]) -> ServerFacts:
    """What the server of `group`, all of one port, is like. NotRehearsedError where this machine cannot make another;
    BackupError where it cannot be asked."""
    first, port = group[0], port_of(group[0])
    names = {name: found for client in group for name, found in _local_names(client).items()}
    if len({tuple(client.ask(STARTED, tick)) for client in group}) > 1:
        raise NotRehearsedError(
            f"les bases {_named(group)} sont dans des serveurs PostgreSQL différents, du même port {port}"
        )
    try:
        programs = programs_for(first, tick)
    except BackupError as error:
        raise NotRehearsedError(f"base « {first.name} » : {error}") from error
    (owner,), (encoding, collate, ctype), settings, roles = first.ask_each((OWNER, TEMPLATE, SETTINGS, ROLES), tick)
    return ServerFacts(
        programs=programs,
        port=port,
        owner=owner,
        template=(encoding, collate, ctype),
        settings=tuple(line for line in settings if _is_kept(line.partition("=")[0])),
        script="\n".join(roles),
        sockets=tuple(sorted(sockets_of(port))),
        addresses=frozenset(address for found in names.values() for address in found),
        names={name: found for name, found in names.items() if not _is_address(name)},
        extensions=frozenset(name for client in group for name in client.ask(EXTENSIONS, tick)),
    )


@dataclass(frozen=True)
class _Endpoint:
    hosts: tuple[str, ...]
    port: int


def _endpoint(client: Client) -> _Endpoint:
    """Where the address leads: hosts, of which one that is absolute, or none, is a folder of sockets."""
    parts = urlsplit(client.url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if query.get("sslmode") in STRICT or query.get("channel_binding") == "require" or "require_auth" in query:
        raise NotRehearsedError(
            f"base « {client.name} » : son adresse exige une preuve que seul le vrai serveur peut donner"
            " (certificat, mot de passe)"
        )
    netloc = parts.netloc.rpartition("@")[2]
    places = [_host_and_port(one) for one in netloc.split(",")]
    hosts = query.get("hostaddr", query.get("host", ",".join(host for host, _ in places))).split(",")
    ports = query["port"].split(",") if "port" in query else [port for _, port in places if port]
    if len(set(ports)) > 1:
        raise NotRehearsedError(f"base « {client.name} » : son adresse nomme des serveurs de plusieurs ports")
    return _Endpoint(tuple(filter(None, hosts)), int(ports[0]) if ports else DEFAULT_PORT)


def _host_and_port(place: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\[.*\]|[^:]*):?(\d*)", place)
    return (found[1].strip("[]"), found[2]) if found else (place, "")


def _local_names(client: Client) -> dict[str, tuple[str, ...]]:
    """The hosts of an address, with the addresses of this machine that they lead to. NotRehearsedError: to others."""
    found: dict[str, tuple[str, ...]] = {}
    for host in _endpoint(client).hosts:
        if not host.startswith("/"):
            try:
                infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                known = {str(info[4][0]).partition("%")[0] for info in infos}
            except OSError as error:
                raise NotRehearsedError(f"base « {client.name} » : le nom {host} est inconnu ({error})") from error
            found[host] = tuple(sorted(filter(_is_ours, known), key=lambda address: (":" in address, address)))
            if not found[host]:
                raise NotRehearsedError(
                    f"base « {client.name} » : son serveur PostgreSQL est sur une autre machine ({host})"
                )
    return found


def _is_ours(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def sockets_of(port: int) -> set[Path]:
    """The folders of the sockets that servers of this machine have for that port."""
    name = f"/.s.PGSQL.{port}"
    lines = os.fsdecode(SOCKETS.read_bytes()).splitlines()
    paths = (line.split(maxsplit=7)[-1] for line in lines if line.endswith(name))
    return {Path(os.path.realpath(Path(path).parent)) for path in paths if path.startswith("/")}


def _is_kept(name: str) -> bool:
    return bool(KEPT.fullmatch(name)) and not LEFT.fullmatch(name)


def _named(group: Sequence[Client]) -> str:
    return ", ".join(f"« {client.name} »" for client in group)
