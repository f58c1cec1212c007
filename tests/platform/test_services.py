"""Services by commands, with real daemons, and the order in which all services stop and start."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform.drivers import SystemdDriver
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.services import Services
from tests.support.system import wait_until
from tests.support.tmpfs import fill, small_disk

CONTROL = """#!/bin/sh
# A daemon with a pid file; it writes down each start and stop.
cd "{folder}"
case $1 in
  start) setsid sh -c 'echo $$ > {name}.pid; {ignore} echo "start {name}" >> order; while :; do sleep 0.05; done' \
    >/dev/null 2>&1 &
    while [ ! -s {name}.pid ]; do sleep 0.01; done ;;
  stop) echo "stop {name}" >> order; kill "$(cat {name}.pid)" ;;
  status) [ -s {name}.pid ] && kill -0 "$(cat {name}.pid)" 2>/dev/null ;;
esac
"""


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., ServiceTable]]:
    """Services whose daemons are killed when the test ends."""

    def make(name: str, *, ignore: str = "", timeout: float = 5, late: bool = False, **commands: str) -> ServiceTable:
        control = tmp_path / f"{name}.sh"
        control.write_text(CONTROL.format(folder=tmp_path, name=name, ignore=ignore))
        control.chmod(0o755)
        words = {word: f"'{control}' {word}" for word in ("start", "stop", "status")}
        return ServiceTable(name=name, timeout=timeout, held_until_open=late, **{**words, **commands})

    yield make
    for path in tmp_path.glob("*.pid"):
        if psutil.pid_exists(int(path.read_text())):
            os.kill(int(path.read_text()), signal.SIGKILL)


def test_services_stop_in_reverse_order_and_start_again(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    services = Services([make_service("base"), make_service("portail")], tmp_path / "hold", None)
    assert services.running() == {"base": False, "portail": False}
    for _ in range(2):
        services.start()
        assert services.running() == {"base": True, "portail": True}
        assert not services.is_held()
    for stop in (services.stop, services.ensure_stopped):
        stop()
        assert services.running() == {"base": False, "portail": False}
        assert services.is_held()
    assert (tmp_path / "order").read_text().split("\n")[:-1] == [
        "start base",
        "start portail",
        "stop portail",
        "stop base",
    ]


def test_what_is_held_until_the_release_is_opened_starts_last(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    services = Services([make_service("base"), make_service("interface", late=True)], tmp_path / "hold", None)
    services.start()
    services.stop()
    assert {path.name for path in tmp_path.glob("hold*")} == {"hold", "hold-until-open"}
    services.start(but_late=True)
    assert services.running() == {"base": True, "interface": False}
    assert {path.name for path in tmp_path.glob("hold*")} == {"hold-until-open"}  # a boot does not start it either
    services.start()
    assert services.running() == {"base": True, "interface": True}
    assert list(tmp_path.glob("hold*")) == []


def test_the_unit_of_what_is_held_longer_has_its_hold(tmp_path: Path) -> None:
    tables = [ServiceTable(name="base", systemd="base"), ServiceTable(name="hl7", systemd="hl7", held_until_open=True)]
    services = Services(tables, tmp_path / "hold", None)
    holds = [driver._hold for driver in services._drivers if isinstance(driver, SystemdDriver)]
    assert holds == [tmp_path / "hold", tmp_path / "hold-until-open"]


def test_only_those_that_are_named_start_and_the_others_are_told(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    services = Services([make_service("base"), make_service("portail")], tmp_path / "hold", None)
    services.start(["portail", "renommé depuis"])
    assert services.running() == {"base": False, "portail": True}
    assert services.left_out(["portail", "renommé depuis"]) == ["base"]
    assert services.left_out(None) == []


def test_one_that_fails_keeps_no_other_from_starting(make_service: Callable[..., ServiceTable], tmp_path: Path) -> None:
    tables = [make_service("base", start="false"), make_service("portail"), make_service("lots", start="false")]
    services = Services(tables, tmp_path / "hold", None)
    with pytest.raises(PlatformError, match=r"« base » ne démarre pas .* ; .*« lots » ne démarre pas"):
        services.start()
    assert services.running() == {"base": False, "portail": True, "lots": False}


def test_the_hold_comes_before_any_stop_and_goes_before_any_start(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    look = f'sh -c \'ls "{tmp_path}" | grep -c hold >> "{tmp_path}/held"; "{tmp_path}/portail.sh" %s\''
    services = Services([make_service("portail", start=look % "start", stop=look % "stop")], tmp_path / "hold", None)
    services.start()
    services.stop()
    services.start()
    assert (tmp_path / "held").read_text().split() == ["0", "1", "0"]


def test_without_hold_nothing_is_stopped(make_service: Callable[..., ServiceTable], tmp_path: Path) -> None:
    services = Services([make_service("portail")], tmp_path / "missing" / "hold", None)
    Services([make_service("portail")], tmp_path / "hold", None).start()
    with pytest.raises(PlatformError, match="hold"):
        services.stop()
    assert services.running() == {"portail": True}


def test_a_daemon_survives_the_process_that_started_it(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    """The worker may be killed with its whole process group; the platform goes on."""
    table = make_service("portail")
    script = (
        "import sys, time; from pathlib import Path; from ospi_supervisor.config.tables import ServiceTable;"
        "from ospi_supervisor.platform.services import Services;"
        f"Services([ServiceTable(name='portail', start={table.start!r}, stop={table.stop!r}, status={table.status!r})],"
        f" Path({str(tmp_path / 'hold')!r}), None).start(); print('started', flush=True); time.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"started\n"
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.communicate()
    services = Services([table], tmp_path / "hold", None)
    assert services.running() == {"portail": True}
    services.stop()


def test_a_service_that_does_not_stop_is_named_and_not_killed(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    services = Services([make_service("portail", ignore='trap "" TERM;', timeout=0.4)], tmp_path / "hold", None)
    services.start()
    with pytest.raises(PlatformError, match=r"« portail » ne s'arrête pas \(le statut n'a pas changé\)"):
        services.stop()
    assert services.running() == {"portail": True}


def test_a_service_that_does_not_start_is_named_with_its_last_words(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    table = make_service("portail", start="sh -c 'echo un; echo port occupé; exit 2'")
    with pytest.raises(PlatformError, match=r"« portail » ne démarre pas .*code 2\) : un / port occupé"):
        Services([table], tmp_path / "hold", None).start()


def test_a_command_that_hangs_is_ended_and_said(make_service: Callable[..., ServiceTable], tmp_path: Path) -> None:
    table = make_service("portail", start="sh -c 'echo bientôt; exec sleep 60'", timeout=0.3)
    with pytest.raises(PlatformError, match=r"« start » .* n'a pas fini en 0.3 secondes : bientôt"):
        Services([table], tmp_path / "hold", None).start()


@pytest.mark.parametrize("status", ["/no/such/command", "sh -c 'exit 127'", "sh -c 'exit 4'", "sh -c 'kill -9 $$'"])
def test_a_status_that_cannot_tell_is_never_taken_for_stopped(
    status: str, make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    services = Services([make_service("portail", status=status)], tmp_path / "hold", None)
    with pytest.raises(PlatformError, match="« status » du service « portail »"):
        services.stop()


def test_a_daemon_that_keeps_the_commands_output_does_not_hold_the_worker(
    make_service: Callable[..., ServiceTable], tmp_path: Path
) -> None:
    start = f'sh -c \'"{tmp_path}/portail.sh" start; sleep 60 & echo $! > "{tmp_path}/noisy.pid"\''
    services = Services([make_service("portail", start=start)], tmp_path / "hold", None)
    services.start()
    wait_until(lambda: (tmp_path / "noisy.pid").exists(), "noisy daemon")
    assert services.running() == {"portail": True}


@pytest.mark.system
def test_services_can_be_held_and_the_flag_raised_on_a_full_disk(
    make_service: Callable[..., ServiceTable], make_config: Callable[..., Config], tmp_path: Path
) -> None:
    """An undo must be able to stop the services whatever filled the disk."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        fill(disk)
        services = Services([make_service("portail")], disk / "hold", None)
        services.stop()
        assert services.is_held()
        config = make_config(maintenance={"flag": str(disk / "flag")})
        switch = MaintenanceSwitch(config.maintenance, Health(config.platform))
        switch.on()
        assert switch.is_on()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("true start", None),
        ("/usr/bin/env true", None),
        ("usr/bin/env true", None),  # commands are run in the root
        ("absent-du-serveur start", "« absent-du-serveur » est introuvable"),
        ("/etc/passwd start", "« /etc/passwd » est introuvable, ou fermé"),
        ("sh -c 'exit", "est mal écrite"),
        ("", "est mal écrite"),
    ],
)
def test_commands_that_could_not_be_run_are_found_before(tmp_path: Path, command: str, words: str | None) -> None:
    table = ServiceTable(name="portail", start="true", stop=command, status="true")
    expected = nullcontext() if words is None else pytest.raises(PlatformError, match=words)
    with expected:
        Services([table], tmp_path / "hold", None).check_hold()
