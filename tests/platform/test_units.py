"""Services by systemd unit, with a stand-in for systemctl that behaves as it does; and our own units, verified."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform import drivers
from ospi_supervisor.platform.drivers import SystemdDriver, hold_drop_in
from ospi_supervisor.platform.units import WEB_UNIT, WORKER_UNIT, render_units
from tests.support.system import require_program

SYSTEMCTL = """#!/usr/bin/env python3
import json, sys
from pathlib import Path
folder = Path({folder!r})
state = json.loads((folder / "units.json").read_text())
words = [word for word in sys.argv[1:] if not word.startswith("-")]
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[2:]) + "\\n")
verb, unit = words[0], words[-1]
facts = state.get(unit, {{}})
if verb == "show":
    print("LoadState=" + (facts.get("load", "loaded") if facts else "not-found"))
    print("ActiveState=" + facts.get("active", "inactive"))
    print("SubState=" + facts.get("sub", ""))
    print("Type=" + facts.get("type", "simple"))
    print("RemainAfterExit=" + facts.get("remains", "no"))
elif verb == "reset-failed":
    facts.pop("limited", None)
elif verb == "start":
    held = facts.get("limited") or (facts.get("held") and Path(facts["held"]).exists())
    facts["active"] = facts.get("after_start", "active") if not held else facts["active"]
    if facts["active"] == "failed":
        print("Job for " + unit + " failed.")
elif verb == "stop" and not facts.get("stubborn"):
    facts["active"] = "inactive"
elif verb == "kill" and not facts.get("immortal"):
    facts["active"] = "failed"
(folder / "units.json").write_text(json.dumps(state))
"""


class FakeSystemd:
    """The units that systemctl knows, and the calls that it got."""

    def __init__(self, folder: Path, hold: Path) -> None:
        self._folder = folder
        self.hold = hold
        self.units_dir = folder / "units"
        self.units_dir.mkdir()

    def knows(self, **units: dict[str, object]) -> None:
        named = {f"{name}.service": {"active": "active", **facts} for name, facts in units.items()}
        (self._folder / "units.json").write_text(json.dumps(named))

    def driver(self, unit: str = "portail", timeout: float = 0.3) -> SystemdDriver:
        return SystemdDriver(ServiceTable(name="portail", systemd=unit, timeout=timeout), self.hold, self.units_dir)

    def verbs(self) -> list[str]:
        lines = (self._folder / "calls").read_text().splitlines()
        return [line for line in lines if not line.startswith("show")]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    """A systemctl first on PATH, which knows one active unit."""
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(SYSTEMCTL.format(folder=str(tmp_path)))
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:/usr/bin:/bin")
    monkeypatch.setattr(drivers, "KILL_PATIENCE_SECONDS", 5.0)  # a program's start on a busy machine, several times
    fake = FakeSystemd(tmp_path, tmp_path / "hold")
    fake.knows(portail={})
    return fake


def test_stop_and_start_are_repeatable_and_verified(systemd: FakeSystemd) -> None:
    driver = systemd.driver()
    assert driver.is_running()
    for _ in range(2):
        driver.stop()
        assert not driver.is_running()
    for _ in range(2):
        driver.start()
        assert driver.is_running()
    assert systemd.verbs() == [
        "stop --no-block portail.service",
        "reset-failed portail.service",
        "start portail.service",
    ]


def test_the_hold_is_a_drop_in_written_once(systemd: FakeSystemd) -> None:
    driver = systemd.driver("portail.service")
    for _ in range(2):
        driver.prepare_hold()
    drop_in = systemd.units_dir / "portail.service.d" / "ospi-superviseur.conf"
    assert f"ConditionPathExists=!{systemd.hold}\n" in drop_in.read_text()
    assert systemd.verbs() == ["daemon-reload"]


def test_a_unit_that_is_held_does_not_start_and_that_is_said(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"active": "inactive", "held": str(systemd.hold)})
    systemd.hold.touch()
    with pytest.raises(PlatformError, match=r"« portail » ne démarre pas .*inactive.*journalctl -u portail.service"):
        systemd.driver().start()
    systemd.hold.unlink()
    systemd.driver().start()


def test_a_unit_that_died_too_often_starts_again(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"active": "failed", "limited": True})
    systemd.driver().start()
    assert systemd.driver().is_running()


def test_a_unit_that_fails_to_start_is_named_with_systemds_words(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"active": "inactive", "after_start": "failed"})
    with pytest.raises(PlatformError, match=r"failed.* : Job for portail.service failed"):
        systemd.driver().start()


def test_a_unit_that_does_not_stop_is_killed(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"stubborn": True})
    systemd.driver().stop()
    assert systemd.verbs()[-1] == "kill --signal=SIGKILL portail.service"


def test_a_unit_that_survives_even_that_is_said(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"stubborn": True, "immortal": True})
    with pytest.raises(PlatformError, match="ne s'arrête pas, même de force"):
        systemd.driver().stop()


def test_an_unknown_unit_is_never_taken_for_stopped(systemd: FakeSystemd) -> None:
    with pytest.raises(PlatformError, match=r"portal.service .* inconnue de systemd \(not-found\)"):
        systemd.driver("portal").stop()


def test_a_masked_unit_is_said_with_what_to_do(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"load": "masked", "active": "inactive"})
    with pytest.raises(PlatformError, match=r"masquée ; « systemctl unmask portail.service », ou retirez-la"):
        systemd.driver().is_running()


def test_a_unit_on_its_way_runs_and_one_that_dies_again_and_again_does_not(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"active": "activating", "sub": "start"})
    assert systemd.driver().is_running()
    systemd.knows(portail={"active": "activating", "sub": "auto-restart"})
    assert not systemd.driver().is_running()


@pytest.mark.parametrize("active", ["activating", "inactive"])
def test_a_job_is_stopped_and_then_left_to_its_timer(systemd: FakeSystemd, active: str) -> None:
    systemd.knows(portail={"active": active, "type": "oneshot", "after_start": "inactive"})
    driver = systemd.driver()
    assert driver.is_running()
    driver.stop()
    driver.start()
    assert systemd.verbs() == (["stop --no-block portail.service"] if active == "activating" else [])


def test_a_oneshot_that_stays_is_a_service(systemd: FakeSystemd) -> None:
    systemd.knows(portail={"active": "inactive", "type": "oneshot", "remains": "yes"})
    driver = systemd.driver()
    assert not driver.is_running()
    driver.start()
    assert driver.is_running()


def test_a_machine_without_systemctl_is_said(systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PlatformError, match=r"systemctl show .* ne répond pas"):
        systemd.driver().stop()


def verify(folder: Path, *units: str) -> str:
    """What systemd-analyze finds wrong, beside the programs that are not installed on the test's machine."""
    done = subprocess.run(
        [require_program("systemd-analyze"), "verify", *units], cwd=folder, capture_output=True, text=True, timeout=60
    )
    return "\n".join(line for line in done.stderr.splitlines() if "ospi" in line or "portail" in line)


@pytest.mark.system
@pytest.mark.parametrize("by_commands", [False, True])
def test_our_units_are_correct(make_config: Callable[..., Config], tmp_path: Path, by_commands: bool) -> None:
    commands = {"start": "a", "stop": "b", "status": "c"} if by_commands else {"systemd": "portail"}
    config = make_config(platform={"services": [{"name": "portail", **commands}]})
    units = render_units(config, Path("/etc/ospi-supervisor/supervisor.toml"))
    folder = tmp_path / "units"
    folder.mkdir()
    for name, text in units.items():
        command = text.split("ExecStart=")[1].split(" ")[0]
        (folder / name).write_text(text.replace(command, "/bin/true"))
    assert verify(folder, *units) == ""
    assert f"KillMode={'process' if by_commands else 'mixed'}\n" in units[WORKER_UNIT]
    assert "TimeoutStopSec=infinity\n" in units[WORKER_UNIT]
    assert "User=ospi-web\n" in units[WEB_UNIT]


@pytest.mark.system
def test_the_drop_in_is_correct(tmp_path: Path) -> None:
    (tmp_path / "portail.service").write_text("[Service]\nExecStart=/bin/true\n")
    drop_in = tmp_path / "portail.service.d" / "ospi.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(hold_drop_in(Path("/var/lib/100% sûr/hold")))
    assert verify(tmp_path, "./portail.service") == ""
    assert "ConditionPathExists=!/var/lib/100%% sûr/hold" in drop_in.read_text()


@pytest.mark.system
def test_verify_would_see_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "portail.service").write_text("[Service]\nExecStart=/bin/true\nTimeoutStopSec=forever\n")
    assert "Failed to parse" in verify(tmp_path, "./portail.service")


@pytest.mark.system
def test_what_systemd_says_of_their_exposure(make_config: Callable[..., Config], tmp_path: Path) -> None:
    """Lower is better, of ten. What the worker's lacks is told in the unit, with its reason."""
    require_program("systemd-analyze")
    for name, most in ((WEB_UNIT, 1.9), (WORKER_UNIT, 6.0)):
        unit = tmp_path / name
        unit.write_text(render_units(make_config(), tmp_path / "supervisor.toml")[name], encoding="utf-8")
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        exposure = float(said.rpartition("exposure level for ")[2].split(": ")[1].split()[0])
        assert exposure <= most, said


@pytest.mark.system
def test_an_instances_units_are_its_own(make_config: Callable[..., Config], tmp_path: Path) -> None:
    units = render_units(make_config(supervisor={"instance": "pmsi"}), tmp_path / "supervisor.toml")
    assert set(units) == {"ospi-supervisor-pmsi-web.service", "ospi-supervisor-pmsi-worker.service"}
    web = units["ospi-supervisor-pmsi-web.service"]
    assert "User=ospi-web-pmsi\n" in web
    assert "Wants=ospi-supervisor-pmsi-worker.service\n" in web


@pytest.mark.system
def test_the_unit_that_changes_the_program_is_correct(
    make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where versions stand beside each other, below a folder with a link `current`."""
    release = tmp_path / "releases" / "1.0"
    release.mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1.0")
    monkeypatch.setattr("sys.prefix", str(release / "venv"))
    units = render_units(make_config(supervisor={"instance": "pmsi"}), tmp_path / "supervisor.toml")
    name = "ospi-supervisor-pmsi-change.service"
    assert f"ExecStart={tmp_path}/current/bin/ospi-supervisor " in units["ospi-supervisor-pmsi-worker.service"]
    (tmp_path / name).write_text(units[name], encoding="utf-8")
    assert verify(tmp_path, name) == ""
    assert f"ConditionPathExists={tmp_path}/change/order\n" in units[name]
