"""Services that systemd runs, in a twin that has none: what it would start is asked of it on a real bus."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.backup.contents import contents_of
from ospi_supervisor.config.tables import Config, ServiceTable, load_config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.rehearsal import Outcome, Verdict
from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.rehearsal.drill import Drill
from ospi_supervisor.rehearsal.inside.units import expanded, settings
from ospi_supervisor.rehearsal.play import Rehearsal
from ospi_supervisor.rehearsal.units import unit_of
from tests.real_application.recipe import platform_python
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.site import HERE, MIGRATION, NEW, SNAPSHOT, Heard, Site
from tests.support.screen import running
from tests.support.system import require_bindings, require_program, require_root

pytestmark = pytest.mark.system

Systemd = Callable[[Mapping[str, Mapping[str, Any]]], AbstractContextManager[None]]
PORTAIL = ServiceTable(name="portail", systemd="portail")


def command(*words: str, may_fail: bool = False) -> list[Any]:
    """A command as systemd tells it."""
    return [words[0], list(words), may_fail, 0, 0, 0, 0, 0, 0, 0]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """Has somebody answer for systemd, with those units."""
    require_root("an ordinary user takes no unit's account")
    require_program("busctl")
    require_bindings()
    address = f"unix:path={tmp_path / 'bus'}"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)

    @contextmanager
    def answering(units: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
        file = tmp_path / "units.json"
        file.write_text(json.dumps(units))
        bus = [require_program("dbus-daemon"), "--session", "--nofork", "--nopidfile", f"--address={address}"]
        with running(bus, os.environ, (tmp_path / "bus").exists):
            answers = ["/usr/bin/python3", str(HERE / "../support/systemd_bus.py"), str(file)]
            with subprocess.Popen(answers, stdout=subprocess.PIPE, text=True) as somebody:
                try:
                    assert somebody.stdout
                    assert somebody.stdout.readline() == "ready\n"
                    yield
                finally:
                    somebody.terminate()

    return answering


def on_systemd(site: Site) -> Config:
    """The site's configuration, with a unit in the place of its three commands."""
    text = (site.root / "supervisor.toml").read_text()
    text, count = re.subn(r"start = .*\nstop = .*\nstatus = .*\n", 'systemd = "portail"\n', text)
    assert count == 1
    file = site.root / "units.toml"
    file.write_text(text)
    return load_config(file)


def rehearse(site: Site) -> Verdict:
    config = on_systemd(site)
    return Rehearsal(config, Releases(config.platform.root)).play(site.asked(), Heard())


def portal(site: Site, **changes: Any) -> dict[str, Any]:
    """The portal's unit: its port comes from a file, its first program must have run."""
    settings = site.root / "réglages"
    settings.write_text(f'# réglages\nPORTAL_PORT="{site.port}"\n')
    return {
        "Type": "simple",
        "ExecStartPre": [command("/bin/sh", "-c", f"touch {site.root}/run/prêt"), command("/bin/false", may_fail=True)],
        "ExecStart": [command(str(platform_python()), "-B", "portal.py", "${PORTAL_PORT}", str(site.database))],
        "User": site.account or "root",
        "EnvironmentFiles": [[str(settings), False], ["/etc/absent", True]],
        "WorkingDirectory": f"{site.root}/platform/current",
        **changes,
    }


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {step.title: step.outcome for step in verdict.steps}


@pytest.mark.parametrize("kind", ["simple", "forking"])
def test_what_systemd_would_start_is_started(make_site: MakeSite, systemd: Systemd, kind: str) -> None:
    site = make_site()
    site.hook(MIGRATION)
    changes: dict[str, Any] = {}
    if kind == "forking":
        there = f"setsid {platform_python()} -B portal.py {site.port} {site.database} </dev/null >/dev/null 2>&1 &"
        changes = {"Type": "forking", "ExecStart": [command("/bin/sh", "-c", there)]}
    with systemd({"portail_2eservice": portal(site, **changes)}):
        verdict = rehearse(site)
    assert (verdict.outcome, verdict.reason) == (Outcome.REHEARSED, "")
    assert not (site.root / "run/prêt").exists(), "written in the twin alone"


def test_a_unit_that_dies_in_the_new_release_refuses_it(make_site: MakeSite, systemd: Systemd) -> None:
    site = make_site()
    site.hook(MIGRATION)
    (site.root / "platform/releases" / NEW / "portal.py").write_text("raise SystemExit('réglage inconnu')")
    with systemd({"portail_2eservice": portal(site)}):
        verdict = rehearse(site)
    assert verdict.outcome is Outcome.REFUSED
    assert "portail.service s'est arrêtée (code 1) : réglage inconnu" in verdict.reason


@pytest.mark.parametrize(
    ("label", "changes", "words"),
    [
        (
            "portail_2eservice",
            {"ExecStart": [command("/bin/sh", "-c", "exit 3")]},
            "la version installée ne fonctionne pas non plus",
        ),
        ("autre_2eservice", {}, "unité systemd portail.service : ce qu'elle démarre n'est pas connu"),
    ],
)
def test_what_the_twin_lacks_refuses_nothing(
    make_site: MakeSite, systemd: Systemd, label: str, changes: dict[str, Any], words: str
) -> None:
    """A unit that dies in both releases, and one that systemd does not tell of; the hooks are played all the same."""
    site = make_site()
    site.hook(MIGRATION)
    with systemd({label: portal(site, **changes)}):
        verdict = rehearse(site)
    assert (verdict.outcome, outcomes(verdict)["Migration"]) == (Outcome.NOT_REHEARSED, Outcome.REHEARSED)
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"Type": "dbus", "ExecStart": [command("/bin/true")]}, "demande D-Bus"),
        ({"Type": "simple", "ExecStart": [command("/bin/true")], "RootDirectory": "/srv"}, "une racine à elle"),
        ({"Type": "oneshot", "RemainAfterExit": True, "ExecStart": []}, "plusieurs programmes"),
        ({"Type": "simple", "ExecStart": [command("/bin/true")], "User": "personne-ici"}, "n'existe pas"),
        ({"Type": "simple", "ExecStart": [command("/bin/echo", "%i")]}, "un « % »"),
    ],
)
def test_what_no_twin_can_start_is_told(systemd: Systemd, facts: dict[str, Any], words: str) -> None:
    with systemd({"portail_2eservice": facts}), pytest.raises(NotRehearsedError, match=re.escape(words)):
        unit_of(PORTAIL)


def test_a_job_is_left_to_its_timer(systemd: Systemd) -> None:
    with systemd({"portail_2eservice": {"Type": "oneshot", "ExecStart": [command("/bin/true")]}}):
        assert unit_of(PORTAIL) is None


def test_what_a_unit_says_of_itself_is_read(systemd: Systemd) -> None:
    facts = {
        "Type": "notify",
        "ExecStart": [command("/usr/bin/env", 'é "cité"', "${A}", "--conf=/srv/x.toml\n", may_fail=True)],
        "Environment": ["A=autre", "F=1=2"],
        "EnvironmentFiles": [["/etc/portail/*.env", True]],
        "Group": "daemon",
        "SupplementaryGroups": ["0"],
        "User": "65534",
        "WorkingDirectory": "~",
    }
    with systemd({"_39_2d_c3_a9_2eservice": facts}):
        unit = unit_of(ServiceTable(name="portail", systemd="9-é.service"))
    assert unit is not None
    assert unit.last.command == ("/usr/bin/env", 'é "cité"', "${A}", "--conf=/srv/x.toml\n")
    assert {name: unit.last.env[name] for name in ("A", "F", "USER")} == {"A": "autre", "F": "1=2", "USER": "nobody"}
    assert (unit.last.cwd, unit.ends, unit.last.may_fail) == ("/nonexistent", False, True)
    assert (unit.last.account.groups[0], unit.last.account.groups[-1]) == (1, 0)
    assert unit.settings == [("/etc/portail/*.env", True)]
    assert {"/usr/bin/env", "/nonexistent", "/srv/x.toml"} <= set(unit.words())


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("un\\\n deux", "un deux"),
        ("'x y' z", "x yz"),
        ('"a\\"b\\$c\\d"', 'a"b$c\\d'),
        ('"deux\nlignes"', "deux\nlignes"),
        ('{"a": 1}', '{"a": 1}'),
        ('-Dn="a b"', '-Dn="a b"'),
        ("it's", "it's"),
        ("fin  ", "fin"),
        ("# pas un commentaire", "# pas un commentaire"),
        ("", ""),
    ],
)
def test_settings_are_read_as_systemd_reads_them(value: str, meant: str) -> None:
    assert settings(f"; note \\\nA=0\n# B=1\nsans signe\n  B={value}\nC=2") == {"B": meant, "C": "2"}


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("$MORE", ["a", "b c"]),
        ("$BROKEN", ["it's"]),
        ("$NONE", []),
        ("pré${MORE}", ["préa 'b c'"]),
        ("$$", ["$"]),
        ("$${MORE}", ["${MORE}"]),
        ("${DOLLARS}", ["$$"]),
        ("prix$", ["prix$"]),
    ],
)
def test_variables_are_put_in_as_systemd_puts_them(argument: str, words: list[str]) -> None:
    assert expanded(argument, {"MORE": "a 'b c'", "BROKEN": "it's", "DOLLARS": "$$"}) == words


def test_settings_of_the_new_release_are_read_once_it_is_in_place(make_site: MakeSite, systemd: Systemd) -> None:
    """They lie behind `current`, and a hook has written the other one."""
    site = make_site()
    own = site.root / "data/portail.env"
    own.write_text("PORTAL_PORT=1\n")
    site.hook(f"{MIGRATION}\nopen({str(own)!r}, 'w').write('PORTAL_PORT={site.port}')")
    (site.root / "platform/releases" / NEW / "portail.env").write_text("FORM=2\n")
    files = [[str(own), False], [f"{site.root}/platform/current/*.env", True]]
    with systemd({"portail_2eservice": portal(site, EnvironmentFiles=files)}):
        verdict = rehearse(site)
    assert (verdict.outcome, verdict.reason) == (Outcome.REHEARSED, "")


def test_a_units_secret_is_not_told(make_site: MakeSite, systemd: Systemd) -> None:
    site = make_site()
    site.hook(MIGRATION)
    (site.root / "platform/releases" / NEW / "portal.py").write_text(
        "import os\nraise SystemExit('refus : ' + os.environ['DB_PASSWORD'])"
    )
    with systemd({"portail_2eservice": portal(site, Environment=["DB_PASSWORD=sésame-42"])}):
        verdict = rehearse(site)
    assert verdict.outcome is Outcome.REFUSED
    assert "sésame" not in str(verdict)


def test_a_drill_whose_unit_dies_says_nothing_of_the_backup(make_site: MakeSite, systemd: Systemd) -> None:
    site = make_site()
    config = on_systemd(site)
    drill = Drill(Rehearsal(config, Releases(config.platform.root)), lambda: None)
    snapshot = contents_of(config.backup.directory, SNAPSHOT).last
    with systemd({"portail_2eservice": portal(site, ExecStart=[command("/bin/sh", "-c", "exit 3")])}):
        played = drill.play(snapshot, lambda: None)
    assert (played.verdict.outcome, played.loaded) == (Outcome.NOT_REHEARSED, True)
    assert "qui n'a pas systemd" in played.verdict.reason
