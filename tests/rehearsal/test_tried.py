"""A rehearsal from the shell that is killed leaves a release on the disk: the next start takes it away."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.rehearsal.portal import NEW, OLD, Portal, portal
from tests.support.postgres import Postgres
from tests.support.system import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def hospital(postgres: Postgres) -> Iterator[Portal]:
    with portal(postgres, "essai") as found:
        assert found.supervisor("adopt", OLD).returncode == 0
        with found.worker():
            wait_until(found.config.paths.trust_dir.exists, "the worker's folders")
        yield found


def test_what_a_killed_rehearsal_staged_is_gone_with_the_next_start(hospital: Portal) -> None:
    begun = hospital.root / "platform/releases" / NEW
    snapshot = hospital.root / "backups/update-0-full"
    command = hospital.command("rehearse", str(hospital.archive("#!/bin/sh\nexec sleep 300\n")))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as rehearsal:
        twin = hospital.root / "backups/.repetition"
        wait_until(lambda: twin.exists() or rehearsal.poll() is not None, "the twin")
        rehearsal.kill()
    assert (begun.exists(), snapshot.exists()) == (True, True)

    with hospital.worker():
        wait_until(lambda: not snapshot.exists(), "the worker's first look")
        wait_until(lambda: not (hospital.root / "state/engine/repetition.version").exists(), "the same")
    assert sorted(path.name for path in begun.parent.iterdir()) == [OLD]
    assert not (hospital.root / "backups/.repetition").exists()
