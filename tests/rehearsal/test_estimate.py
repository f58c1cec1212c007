"""How long users will miss the platform is known before they do: what the rehearsal took is what the update takes."""

import time
from collections.abc import Iterator

import pytest

from tests.rehearsal.portal import OLD, Portal, portal
from tests.support.page_times import page_time
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.system, pytest.mark.full]

UPDATES = 5
LEAST_SECONDS = 20.0
ROUNDS = 40
"""Of work in a migration, so that it takes more than that."""
ROUND = "UPDATE sejour SET nom = id || md5(nom || repeat(''x'', 20000))"
MIGRATION = """#!/bin/sh
set -e
psql -XAtq "$OSPI_DATABASE_URL_PMSI" -v ON_ERROR_STOP=1 \\
    -c "DO 'BEGIN FOR n IN 1..{rounds} LOOP {round}; END LOOP; END'" \\
    -c "UPDATE sejour SET forme = '{version}'"
"""


@pytest.fixture
def hospital(postgres: Postgres) -> Iterator[Portal]:
    with portal(postgres, "duree") as found:
        assert found.supervisor("adopt", OLD).returncode == 0
        yield found


def rounds(hospital: Portal) -> int:
    """How many rounds of work take well more than the least, on this machine."""
    began = time.monotonic()
    hospital.sql(f"DO 'BEGIN FOR n IN 1..{ROUNDS} LOOP {ROUND}; END LOOP; END'")
    return int(1.3 * ROUNDS * LEAST_SECONDS / (time.monotonic() - began))


def test_the_predicted_time_of_the_page_is_the_real_one(hospital: Portal) -> None:
    found = []
    work = rounds(hospital)
    with hospital.worker():
        for number in range(1, UPDATES + 1):
            version = f"11.5.{number}"
            migration = MIGRATION.format(rounds=work, round=ROUND, version=version)
            command = hospital.command("import", str(hospital.archive(migration, version)), "--notice-read", "--wait")
            found.append(page_time(hospital.config.paths.engine_db, command))
    assert all(one.migrated >= LEAST_SECONDS for one in found)
    assert [one for one in found if not one.is_close] == []
