"""A migration fails on a PostgreSQL database whose rows call what has no schema in its name: all of it is back."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.campaign import first_ports
from tests.faults.oracle import judge
from tests.faults.platform import Site
from tests.faults.vendor import make_vendor
from tests.faults.world import World, running, wait_until
from tests.support.memory_disk import lasting
from tests.support.postgres import Postgres, postgres_server
from tests.support.system import require_program, require_root

pytestmark = pytest.mark.system

ROWS = """
SET ROLE plateforme;
CREATE FUNCTION sans_accent(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN lower(unaccent(t)); END $$;
CREATE TABLE patient (id int, nom text, cle text GENERATED ALWAYS AS (sans_accent(nom)) STORED);
INSERT INTO patient (id, nom) SELECT n, 'Éloïse ' || n FROM generate_series(1, 1000) AS n;
"""


@contextmanager
def hospital(pauses: Sequence[str] = ()) -> Iterator[World]:
    require_root("services run under an account of their own")
    require_program("pg_dump")
    (first_port,) = first_ports(1)
    with (
        TemporaryDirectory(dir=lasting()) as name,
        postgres_server(Path(lasting(), f"ospi-way-{first_port}"), ()) as server,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # the platform's account goes in
        site = Site(
            root=folder / "monde", vendor=make_vendor(folder / "vendor"), postgres=server, first_port=first_port
        )
        with running(site, pauses) as world:
            properties = f"""ALTER DATABASE "{world.database}" CONNECTION LIMIT 47;
            ALTER DATABASE "{world.database}" SET work_mem TO '7MB';
            ALTER ROLE plateforme IN DATABASE "{world.database}" SET statement_timeout TO '1h';
            REVOKE TEMPORARY ON DATABASE "{world.database}" FROM PUBLIC;
            COMMENT ON DATABASE "{world.database}" IS 'les patients';"""
            server.sql("postgres", properties)
            server.sql(world.database, f"CREATE EXTENSION unaccent; {ROWS}")
            yield world


def contents(world: World) -> list[str]:
    """All that the database is but what users add meanwhile, in a form that compares."""
    options = ("--create", "--inserts", "--exclude-table-data=entry", "-d", world.database)
    lines = world.site.postgres.run("pg_dump", *options).splitlines()
    return sorted(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


def ended(world: World, request: int) -> dict[str, object]:
    wait_until(lambda: world.is_over(request), "the update's end")
    update = world.update(int((world.answer(request) or {})["update_id"]))
    assert update is not None
    return update


def journal(world: World, update_id: object) -> str:
    with world.reader() as reader:
        return "\n".join(str(event.data.get("message")) for event in reader.events(int(str(update_id)), 0, 100_000))


def test_it_comes_back_from_a_copy_in_its_server() -> None:
    with hospital() as world:
        before = contents(world)
        update = ended(world, world.ask(world.site.vendor.archive("fail")))
        assert update["status"] == "rolled_back", journal(world, update["id"])
        assert contents(world) == before
        assert judge(world, update, torn_log=False) == []
        assert "elle a été exportée" not in journal(world, update["id"])
        assert left_by_us(world.site.postgres) == ""


@pytest.mark.full
def test_where_a_session_stays_it_comes_back_from_its_dump_and_this_is_said() -> None:
    with hospital(["before:do:checkpoint:0"]) as world:
        before = contents(world)
        request = world.ask(world.site.vendor.archive("fail"))
        wait_until((world.notes / "paused").exists, "the services' stop")
        with supervision(world.site.postgres, world.database) as session:
            (world.notes / "go").touch()
            wait_until(lambda: "elle a été exportée" in journal(world, 1), "the checkpoint")
            session.terminate()
        update = ended(world, request)
        assert update["status"] == "rolled_back", journal(world, update["id"])
        assert contents(world) == before
        assert judge(world, update, torn_log=False) == []
        assert left_by_us(world.site.postgres) == ""


@pytest.mark.full
def test_a_role_that_may_create_no_database_has_it_restored_where_it_is() -> None:
    with hospital() as world:
        world.site.postgres.sql("postgres", "ALTER ROLE plateforme NOCREATEDB")
        before = contents(world)
        update = ended(world, world.ask(world.site.vendor.archive("fail")))
        assert update["status"] == "rolled_back", journal(world, update["id"])
        assert contents(world) == before
        assert judge(world, update, torn_log=False) == []
        assert "ne peut pas la copier dans son serveur (CREATEDB" in journal(world, update["id"])
        assert left_by_us(world.site.postgres) == ""


@pytest.mark.full
def test_a_right_that_is_lost_after_the_checkpoint_is_no_obstacle() -> None:
    with hospital(["before:do:migrate:0"]) as world:
        before = contents(world)
        request = world.ask(world.site.vendor.archive("fail"))
        wait_until((world.notes / "paused").exists, "the checkpoint's end")
        assert left_by_us(world.site.postgres).endswith("_ospi_arret")
        world.site.postgres.sql("postgres", "ALTER ROLE plateforme NOCREATEDB")
        (world.notes / "go").touch()
        update = ended(world, request)
        assert update["status"] == "rolled_back", journal(world, update["id"])
        assert contents(world) == before
        assert judge(world, update, torn_log=False) == []
        assert left_by_us(world.site.postgres) == ""


@contextmanager
def supervision(server: Postgres, database: str) -> Iterator[subprocess.Popen[bytes]]:
    """A superuser's session, which the platform's role cannot end."""
    command = ["psql", "-XqAt", "-h", str(server.folder), "-p", str(server.port), "-U", "proprietaire", "-d", database]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(b"SELECT 1;\n")
        session.stdin.flush()
        assert session.stdout.readline() == b"1\n"
        yield session
        session.kill()


def left_by_us(server: Postgres) -> str:
    return server.sql("postgres", "SELECT datname FROM pg_database WHERE datname LIKE '%\\_ospi\\_%'")
