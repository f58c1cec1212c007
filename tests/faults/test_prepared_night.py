"""An evening as an administrator wants it: prepared at 15:00, all killed and booted anew, announced at 20:00, switched
at 22:00, by the real worker, whose clock is set on; behind each printed proxy, with or without somebody to validate."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.requests import Source, Terms
from ospi_supervisor.domain.validation import Verdict
from ospi_supervisor.errors import RefusedError
from tests.faults.campaign import first_ports
from tests.faults.evening import Doors, Evening, seen, told, write
from tests.faults.oracle import judge
from tests.faults.platform import Site
from tests.faults.vendor import NEW, OLD, Vendor, make_vendor
from tests.faults.world import running, wait_until
from tests.support.memory_disk import lasting
from tests.support.postgres import Postgres, postgres_server
from tests.support.system import require_program, require_root

pytestmark = [pytest.mark.system, pytest.mark.full]

FORBIDDEN = """
[[calendar.dates]]
first = {first}
last = {last}
reason = "Paie"
"""
ENDS = {
    "opened": (UpdateStatus.SUCCEEDED, ""),
    "sent back": (UpdateStatus.ROLLED_BACK, "campagne a choisi de revenir à l'ancienne version"),
    "forgotten": (UpdateStatus.ROLLED_BACK, "personne n'a ouvert la nouvelle version avant l'heure limite"),
    "interrupted": (UpdateStatus.ROLLED_BACK, "s'est interrompu pendant la validation"),
}
"""How a validation ends, and what is said of it."""


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    return make_vendor(tmp_path_factory.mktemp("evening") / "vendor")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    require_program("pg_dump")
    require_root("accounts are changed")
    with postgres_server(Path(lasting(), f"ospi-evening-{time.monotonic_ns()}")) as server:
        yield server


@pytest.fixture
def evening(tmp_path: Path, vendor: Vendor, postgres: Postgres) -> Iterator[Evening]:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.name.startswith(("ospi-tests", "popen")):
            folder.chmod(0o755)
    with running(
        Site(root=tmp_path / "monde", vendor=vendor, postgres=postgres, first_port=first_ports(1)[0], web=True)
    ) as world:
        yield Evening(world)


@pytest.mark.parametrize("hooks", ["good", "fail"])
def test_prepared_by_day_and_switched_at_night(evening: Evening, hooks: str) -> None:
    with evening.proxies() as doors:
        request = evening.prepare(hooks)
        boot_anew(evening, request)
        announce(evening, doors)
        evening.set_clock(evening.hour(22) - timedelta(seconds=70), new_worker=False)
        wait_until(lambda: evening.is_over(request), "the end")
    assert_kept(evening, UpdateStatus.SUCCEEDED if hooks == "good" else UpdateStatus.ROLLED_BACK)


@pytest.mark.parametrize("end", ENDS)
def test_validated_behind_the_closed_door_at_night(evening: Evening, end: str) -> None:
    with evening.proxies() as doors:
        request = evening.prepare(validate=True)
        boot_anew(evening, request)
        announce(evening, doors)
        if end == "interrupted":
            interrupt_until_the_hour(evening, request, doors)
        else:
            evening.set_clock(evening.hour(22) - timedelta(seconds=70), new_worker=False)
        wait_until(lambda: evening.stands_at(Phase.VALIDATE, PhaseStatus.DOING), "the closed door")
        wait_until(evening.secret, "the link")
        secret = evening.secret()
        assert (seen(doors), seen(doors, secret), seen(doors, "0" * 64)) == ({"maintenance"}, {NEW}, {"maintenance"})
        write_behind_the_page(evening, doors, secret or "")
        finish(evening, end)
        wait_until(lambda: evening.is_over(request), "the end")
        status, why = ENDS[end]
        assert seen(doors) == seen(doors, secret) == {NEW if status is UpdateStatus.SUCCEEDED else OLD}
    assert why in (assert_kept(evening, status)["failure"] or "")
    assert ("perdu au retour" in evening.journal()) == (end != "opened")


def test_a_day_that_is_forbidden_meanwhile_lets_the_hour_pass(evening: Evening) -> None:
    world = evening.world
    with evening.proxies() as doors:
        request = evening.prepare(validate=True)
        announce(evening, doors)
        forbid(evening)
        evening.set_clock(evening.hour(22) - timedelta(seconds=5), new_worker=True)
        wait_until(lambda: evening.status(request) is UpdateStatus.PREPARED and is_missed(evening), "the missed hour")
        wait_until(lambda: not any(told(doors).values()), "the banner's end")
        assert seen(doors) == {OLD}
    assert "est manquée : rien ne peut commencer maintenant (« Paie »)" in evening.journal()
    with world.operations() as operations:
        operations.request_cancel(1, by="campagne", source=Source.SHELL)
    wait_until(lambda: evening.status(request) is UpdateStatus.CANCELLED, "the end")
    assert (world.see(), world.config.maintenance.flag.exists()) == (OLD, False)


def test_a_forbidden_day_is_refused_and_says_when_instead(evening: Evening) -> None:
    world = evening.world
    forbid(evening)
    world.kill("worker")
    world.tend()
    with pytest.raises(RefusedError, match="« Paie » ; première heure permise ensuite"):
        world.ask(world.site.vendor.archive("good"), terms=Terms(switch_at=evening.hour(22)))
    with pytest.raises(RefusedError, match="« Paie »"):
        world.ask(world.site.vendor.archive("good"))


def boot_anew(evening: Evening, request: int) -> None:
    """Worker, web and platform die while it waits; another boot, and users who write go on."""
    entries = len(evening.world.acknowledged)
    evening.world.cut_power()
    wait_until(lambda: evening.status(request) is UpdateStatus.PREPARED, "the boot")
    wait_until(lambda: len(evening.world.acknowledged) > entries + 5, "what users write meanwhile")


def announce(evening: Evening, doors: Doors) -> None:
    """The clock goes on to 20:00: the banner is there, as all the proxies serve it, and was not before."""
    evening.set_clock(evening.hour(20) - timedelta(minutes=10), new_worker=True)
    wait_until(lambda: all(banner == {} for banner in told(doors).values()), "no banner yet")
    evening.set_clock(evening.hour(20) + timedelta(seconds=1), new_worker=False)
    wait_until(lambda: all(told(doors).values()), "the banner")
    [banner, *others] = told(doors).values()
    assert others == [banner] * len(others)
    assert isinstance(banner, dict)
    assert datetime.fromisoformat(banner["from"]) == evening.hour(22).replace(microsecond=0)


def interrupt_until_the_hour(evening: Evening, request: int, doors: Doors) -> None:
    """Killed while it is announced, and again in the last minute, in which the worker waits in person."""
    evening.world.kill("worker", "web")
    wait_until(lambda: evening.status(request) is UpdateStatus.PREPARED, "the wait goes on")
    assert all(told(doors).values())
    evening.set_clock(evening.hour(22) - timedelta(seconds=80), new_worker=True)
    again = "la sauvegarde est refaite"
    wait_until(lambda: evening.stands_at(Phase.BACKUP, PhaseStatus.DONE, after=again), "the backup made anew")
    assert evening.stands_at(Phase.MAINTENANCE, PhaseStatus.PENDING)
    evening.world.kill("worker", "web")


def write_behind_the_page(evening: Evening, doors: Doors, secret: str) -> None:
    """A link's holder adds an entry, which the page counts."""
    world = evening.world
    number, world.attempted = world.attempted, world.attempted + 1
    assert write(doors["nginx"], number, secret) == 200
    (world.notes / "behind").write_text(str(number))
    wait_until(evening.changes, "what was written behind the page")


def finish(evening: Evening, end: str) -> None:
    """What ends the validation. What was written behind the page is promised only where it is opened."""
    if end == "opened":
        evening.world.acknowledged.add(int((evening.world.notes / "behind").read_text()))
        evening.decide(Verdict.OPEN)
    elif end == "sent back":
        evening.decide(Verdict.GO_BACK)
    elif end == "forgotten":
        evening.set_clock(evening.hour(23) + timedelta(minutes=10), new_worker=False)
    else:
        evening.world.cut_power()


def assert_kept(evening: Evening, status: UpdateStatus) -> dict[str, Any]:
    """The update, which ended so, took the platform from its users within a minute of its hour, and lost nothing."""
    world = evening.world
    update = world.update(1)
    assert update is not None
    assert update["status"] == status, update["failure"]
    [began] = [step["started_at"] for step in update["phases"] if step["name"] == Phase.MAINTENANCE]
    assert abs(datetime.fromisoformat(began) - evening.hour(22)) < timedelta(seconds=60)
    (world.notes / "clock").unlink()
    wait_until(lambda: json.loads((world.config.maintenance.page_dir / "annonce.json").read_text()) == {}, "its end")
    assert judge(world, update, torn_log=True) == []
    return update


def forbid(evening: Evening) -> None:
    """Nothing may begin on that day, for who reads the configuration from now on."""
    world = evening.world
    first, last = (evening.hour(hour).astimezone().date().isoformat() for hour in (15, 22))
    with world.config_path.open("a") as file:
        file.write(FORBIDDEN.format(first=first, last=last))
    del world.config  # read anew, as a worker that begins reads it


def is_missed(evening: Evening) -> bool:
    """Whether the update asks for another hour."""
    update = evening.world.update(1)
    return update is not None and update["switch_at"] is None
