"""How long users will miss the platform is known before they do: what the rehearsal took is what the update takes."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.progress import seconds_of_page
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from tests.rehearsal.portal import OLD, Portal, portal
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


def predicted(hospital: Portal, update: int, importing: subprocess.Popen[str]) -> float:
    """What is said of the page's time once the update was rehearsed, before it is over."""
    reader = EngineReader(sqlite_url(hospital.config.paths.engine_db))
    try:
        while importing.poll() is None:
            verdict = reader.rehearsal(update)
            if verdict is not None and verdict.steps:
                left = seconds_of_page(Phase.MAINTENANCE, reader.expected(update).__getitem__)
                assert left is not None, verdict
                return left
            time.sleep(0.1)
    finally:
        reader.close()
    raise AssertionError("it was not rehearsed")


def measured(hospital: Portal) -> tuple[float, float]:
    """How long the page stood, and the migration in it."""
    times = {}
    reader = EngineReader(sqlite_url(hospital.config.paths.engine_db))
    try:
        number = int(hospital.last_update()["id"])
        times = reader.phase_times([number])[number]
    finally:
        reader.close()
    migrated = times[Phase.MIGRATE]
    page = times[Phase.REOPEN][1] - times[Phase.MAINTENANCE][0]
    return page.total_seconds(), (migrated[1] - migrated[0]).total_seconds()


def test_the_predicted_time_of_the_page_is_the_real_one(hospital: Portal) -> None:
    found = []
    work = rounds(hospital)
    with hospital.worker():
        for number in range(1, UPDATES + 1):
            version = f"11.5.{number}"
            migration = MIGRATION.format(rounds=work, round=ROUND, version=version)
            command = hospital.command("import", str(hospital.archive(migration, version)), "--notice-read", "--wait")
            with subprocess.Popen(command, text=True) as importing:
                said = predicted(hospital, number, importing)
            assert importing.returncode == 0
            page, migrated = measured(hospital)
            found.append((said, page, migrated))
            print(f"{version}: {said:.1f} s said, {page:.1f} s of page, {migrated:.1f} s of migration")  # noqa: T201
    assert all(migrated >= LEAST_SECONDS for _, _, migrated in found)
    assert [one for one in found if abs(one[0] - one[1]) > max(2.0, one[1] / 4)] == []
