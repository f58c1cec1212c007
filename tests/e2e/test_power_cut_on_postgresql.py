"""The power goes in `migrate`, on a PostgreSQL database of some size: what comes back by itself, and how soon."""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.campaign import first_ports
from tests.faults.oracle import judge
from tests.faults.platform import Site
from tests.faults.vendor import OLD, make_vendor
from tests.faults.world import World, running, wait_until
from tests.support.memory_disk import lasting
from tests.support.postgres import postgres_server
from tests.support.system import require_program, require_root

pytestmark = [pytest.mark.system, pytest.mark.full]  # the campaign's sample cuts a disk under PostgreSQL too

ROWS = 100_000
SECONDS = 30
"""How soon the platform is back after the worker's restart, beyond what the restore takes."""


@pytest.fixture
def world() -> Iterator[World]:
    require_root("a disk is mounted whose power is cut")
    require_program("pg_dump")
    with (
        TemporaryDirectory(dir=lasting()) as name,
        postgres_server(Path(lasting(), f"ospi-cut-{os.getpid()}"), ()) as server,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # the platform's account goes in
        vendor = make_vendor(folder / "vendor")
        site = Site(root=folder / "monde", vendor=vendor, postgres=server, first_port=first_ports(1)[0], cuttable=True)
        with running(site, ["after:do:migrate:1"]) as world:
            table = "SET ROLE plateforme; CREATE TABLE acte (n integer PRIMARY KEY, libelle text);"
            rows = f"INSERT INTO acte SELECT n, md5(n::text) FROM generate_series(1, {ROWS}) AS n"  # noqa: S608
            server.sql(world.database, table + rows)
            yield world


def test_the_old_release_is_back_with_every_row_soon_after_the_worker(world: World) -> None:
    request = world.ask(world.site.vendor.archive("good"))
    wait_until((world.notes / "paused").exists, "the end of the migration")
    world.cut_power()
    world.pauses = ()
    restarted = time.monotonic()
    world.tend()
    wait_until(lambda: world.see() == OLD, "the old release")
    absent = time.monotonic() - restarted
    wait_until(lambda: world.is_over(request), "the update's end")
    update = world.update(update_of(world, request))
    assert update is not None
    assert update["status"] == "rolled_back"
    assert judge(world, update, torn_log=True) == []
    assert world.site.postgres.sql(world.database, "SELECT count(*) FROM acte") == str(ROWS)
    assert absent - restore_seconds(world, update["id"]) < SECONDS


def update_of(world: World, request: int) -> int:
    return int((world.answer(request) or {})["update_id"])


def restore_seconds(world: World, update_id: int) -> float:
    """How long the undo of `migrate` took, which is the restore."""
    with world.reader() as reader:
        events = reader.events(update_id, 0, 100_000)
    phases = [event.data for event in events if event.kind == "phase" and event.data["phase"] == "migrate"]
    (began,) = [data["at"] for data in phases if data["status"] == "undoing"]
    (ended,) = [data["at"] for data in phases if data["status"] == "undone"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
