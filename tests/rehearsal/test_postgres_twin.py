"""In a twin, PostgreSQL answers at the real server's address and is another; what cannot be played again is said."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from ospi_supervisor.backup.contents import contents_of
from ospi_supervisor.backup.psql import Client
from ospi_supervisor.backup.scratch_server import programs_for
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.hands.accounts import account_named
from ospi_supervisor.rehearsal.databases import Program
from ospi_supervisor.rehearsal.drill import Quiet
from ospi_supervisor.rehearsal.engines import make_twins
from ospi_supervisor.rehearsal.postgres_facts import sockets_of
from ospi_supervisor.rehearsal.twin import Twin
from ospi_supervisor.rehearsal.whole import whole_twin
from tests.rehearsal.portal import OLD, ROWS, Portal
from tests.support.system import require_root

pytestmark = pytest.mark.system

MARK = "SELECT 'le double' FROM sejour WHERE nom = 'double' LIMIT 1"
ROLES = """CREATE ROLE lecteurs NOLOGIN CONNECTION LIMIT 3; GRANT lecteurs TO plateforme WITH ADMIN OPTION;
GRANT pg_monitor TO plateforme; ALTER ROLE plateforme SET search_path TO public, "un schéma";
ALTER ROLE ALL SET work_mem TO '9MB'; ALTER DATABASE pmsi SET timezone TO 'Indian/Reunion';
"""
FORGET = """REVOKE lecteurs, pg_monitor FROM plateforme; DROP ROLE lecteurs; ALTER ROLE plateforme RESET ALL;
ALTER ROLE ALL RESET work_mem; ALTER DATABASE pmsi RESET ALL;
"""


@contextmanager
def twin_of(hospital: Portal, snapshot: str) -> Iterator[tuple[Twin, Callable[[str, str], str]]]:
    """A twin, and what asks psql there as the platform's account: by an address, a statement."""
    releases = make_adapters(hospital.config).releases
    contents = contents_of(hospital.root / "backups", snapshot)
    with whole_twin(hospital.config, releases, contents, OLD, Quiet(lambda: None)) as whole:

        def ask(url: str, sql: str) -> str:
            command = ("psql", "-XAt", "--no-password", url, "-c", sql)
            account = account_named("nobody")
            status, said = whole.twin.run(Program(command=command, account=account, env={"PGPASSWORD": "autre"}), 60)
            assert status == 0, said
            return said.strip()

        assert whole.rows == {"pmsi": ROWS}
        yield whole.twin, ask


def roles_of(tell: Callable[[str], str]) -> str:
    facts = "rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit"
    members = "SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE member > 16000"
    settings = "SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting WHERE setdatabase = 0"
    return "\n".join(
        tell(f"{sql} ORDER BY 1, 2")
        for sql in (f"SELECT {facts}, rolbypassrls FROM pg_roles", members, settings)  # noqa: S608 - constants
    )


def test_every_way_to_the_real_server_leads_to_the_twins(hospital: Portal) -> None:
    """By its address with any password, ciphered or not, by another name, and by its socket."""
    require_root("the platform's account is another")
    hospital.sql(ROLES)
    try:
        hospital.snapshot("voies")
        port, folder = hospital.server.port, hospital.server.folder
        base = f"plateforme@127.0.0.1:{port}/pmsi"
        owner = f"proprietaire@/pmsi?host={quote(str(folder), safe='')}&port={port}"
        before = hospital.contents()
        with twin_of(hospital, "voies") as (_, ask):
            ask(f"postgresql://{base}", "UPDATE sejour SET nom = 'double' WHERE id = 1")
            others = (f"{base}?sslmode=require", f"plateforme@localhost:{port}/pmsi", owner, f"{base}?sslmode=disable")
            assert {ask(f"postgresql://{one}", MARK) for one in others} == {"le double"}
            ciphered = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert ask(f"postgresql://{base}?sslmode=require", ciphered) == "t"
            assert roles_of(lambda sql: ask(f"postgresql://{owner}", sql)) == roles_of(hospital.sql)
            shown = "SELECT current_setting('search_path'), current_setting('work_mem'), current_setting('timezone')"
            assert ask(f"postgresql://{base}", shown) == 'public, "un schéma"|9MB|Indian/Reunion'
            place = f"/run/ospi-double/postgresql-{port}/"
            servers = {process.pid for process in psutil.process_iter() if place in cmdline(process)}
            assert servers
            assert {psutil.Process(pid).ionice().ioclass for pid in servers} == {psutil.IOPRIO_CLASS_IDLE}
            assert 0 not in {psutil.Process(pid).uids().effective for pid in servers}
        assert not any(map(psutil.pid_exists, servers))
        assert hospital.contents() == before
    finally:
        hospital.sql(FORGET)


def cmdline(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()) if process.name() == "postgres" else ""
    except psutil.Error:
        return ""


def refusal(hospital: Portal, tmp_path: Path, url: str) -> str:
    """Why a database with that address has no twin."""
    secret = hospital.root / "password"
    dump = next((hospital.root / "backups").glob("*/bases/pmsi.pgdump"), tmp_path)
    place = tmp_path / "place"
    place.mkdir(exist_ok=True)

    def prepare() -> None:
        (twin,) = make_twins([DatabaseTable(name="pmsi", url=url, password_file=secret)], None)
        twin.prepare(dump, {"database": "pmsi"}, place, lambda: None)

    with pytest.raises(NotRehearsedError) as refused:
        prepare()
    return str(refused.value)


def test_what_cannot_be_played_again_is_said(hospital: Portal, tmp_path: Path) -> None:
    port = hospital.server.port
    elsewhere = refusal(hospital, tmp_path, f"postgresql://plateforme@192.0.2.7:{port}/pmsi")
    assert "sur une autre machine (192.0.2.7)" in elsewhere
    assert "est inconnu" in refusal(hospital, tmp_path, f"postgresql://plateforme@base.invalid:{port}/pmsi")
    for proof in ("sslmode=verify-full", "channel_binding=require"):
        url = f"postgresql://plateforme@127.0.0.1:{port}/pmsi?{proof}"
        assert "exige une preuve" in refusal(hospital, tmp_path, url)
    several = refusal(hospital, tmp_path, f"postgresql://plateforme@127.0.0.1:{port},127.0.0.1:{port + 1}/pmsi")
    assert "plusieurs ports" in several


def test_a_server_of_another_version_is_said(hospital: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has no programs of the server's version where they are looked for."""
    monkeypatch.setattr("ospi_supervisor.backup.scratch_server.PLACES", (f"{tmp_path}/{{0}}/bin",))
    monkeypatch.setattr("ospi_supervisor.backup.scratch_server.OF_ANY_VERSION", (str(tmp_path),))
    other = tmp_path / "initdb"
    other.write_text("#!/bin/sh\necho 'initdb (PostgreSQL) 9.6.24'\n", encoding="utf-8")
    other.chmod(0o755)
    assert "n'a pas PostgreSQL" in refusal(hospital, tmp_path, hospital.server.url("pmsi"))
    monkeypatch.setattr(
        "ospi_supervisor.backup.scratch_server.OF_ANY_VERSION", (str(tmp_path), str(hospital.server.programs))
    )
    client = Client("pmsi", hospital.server.url("pmsi"), hospital.root / "password")
    assert programs_for(client, lambda: None) == hospital.server.programs


def test_an_address_may_name_neither_role_nor_host(hospital: Portal) -> None:
    query = f"host={hospital.server.folder}&port={hospital.server.port}&user=plateforme"
    client = Client("pmsi", f"postgresql:///pmsi?{query}", hospital.root / "password")
    assert client.ask("SELECT current_user") == ["plateforme"]
    assert client.ask("SELECT current_database()", database="postgres") == ["postgres"]


def test_the_sockets_of_a_port_are_found_wherever_they_lie(hospital: Portal, tmp_path: Path) -> None:
    assert sockets_of(hospital.server.port) == {Path(os.path.realpath(hospital.server.folder))}
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{tmp_path}/.s.PGSQL.1")
        assert sockets_of(1) == {tmp_path}
