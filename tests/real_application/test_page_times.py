"""How long users will miss the real application is known before they do, by what the rehearsal took on its own rows."""

import hashlib
import time
from pathlib import Path

import pytest

from tests.real_application.hospital import Site, running
from tests.real_application.vendor import Vendor, deliver
from tests.support.page_times import page_time

pytestmark = [pytest.mark.system, pytest.mark.full]

LEAST_SECONDS = 20.0
MARGIN = 1.2
PEOPLE = {"sqlite": (200, 250, 300), "postgresql": (200, 300)}
"""Five updates: how many rows the hub has, each of which its migration rewrites."""
PIECE = 20_000
FILL = """INSERT INTO users (name, admin, cookie_id)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
    SELECT 'agent-' || i, false, 'cle-' || i FROM n"""
WORK = """#!/bin/sh
# Phase `migrate`: each person's key is made anew, one by one, as a vendor does whose rows are derived from secrets.
exec "$OSPI_RELEASE_DIR/venv/bin/python" - <<'END'
import hashlib, os
import sqlalchemy
engine = sqlalchemy.create_engine(os.environ["OSPI_DATABASE_URL_HUB"])
with engine.connect() as database:
    people = database.execute(sqlalchemy.text("SELECT id, name FROM users ORDER BY id")).fetchall()
for number, name in people:
    key = hashlib.pbkdf2_hmac("sha256", name.encode(), b"reprise", {rounds}).hex()
    with engine.begin() as database:
        database.execute(sqlalchemy.text("UPDATE users SET cookie_id = :key WHERE id = :id"), dict(key=key, id=number))
END
"""


@pytest.fixture(scope="module")
def vendor(workspace: Path) -> Vendor:
    """Whose migration takes well more than the least for the fewest people, on this machine."""
    began = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"un nom", b"reprise", 10 * PIECE)
    seconds = (time.monotonic() - began) / 10
    fewest = min(min(counts) for counts in PEOPLE.values())
    return deliver(workspace, WORK.format(rounds=int(MARGIN * LEAST_SECONDS / fewest / seconds * PIECE)))


@pytest.mark.parametrize(("engine", "people"), [(engine, count) for engine in PEOPLE for count in PEOPLE[engine]])
def test_the_predicted_time_of_the_page_is_the_real_one(
    engine: str, people: int, vendor: Vendor, workspace: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres") if engine == "postgresql" else None

    def fill(site: Site) -> None:
        site.rows.execute(FILL.format(people))

    folder = workspace / f"{engine}-{people}"
    folder.mkdir()
    with running(folder, vendor.root_metadata, vendor.installed, fill, server=server) as site:
        command = site.command("import", str(vendor.archive), "--notice-read", "--wait")
        found = page_time(site.root / "state/engine/engine.db", command)
    assert found.migrated >= LEAST_SECONDS
    assert found.is_close, found
