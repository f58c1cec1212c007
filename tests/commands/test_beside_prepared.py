"""Who may be at work while an update is prepared and waits for its hour: the whole table, each tried."""

import json
from datetime import datetime, timedelta

import pytest

from ospi_supervisor.bootstrap.administration import make_administration
from ospi_supervisor.domain.lifecycle import UpdateStatus
from tests.commands.conftest import Shell
from tests.support.site import INSTALLED, Archives, Site, now

READY = "est prête et attend son heure"
LATER = f"{now() + timedelta(days=2):%Y-%m-%dT%H:%M}"


@pytest.fixture
def number(site: Site) -> int:
    """The prepared update; a backup of before is there."""
    snapshots = make_administration(site.config).snapshots
    snapshots.take_full("update-1-full", INSTALLED, progress=lambda _: None, check=lambda: None)
    site.engine.beat(now(), 1)
    return site.prepared(now() + timedelta(hours=3))


@pytest.mark.usefixtures("number")
def test_a_backup_by_hand_is_made(shell: Shell, site: Site) -> None:
    made = shell("backup", "create")
    assert made.exit_code == 0, made.output
    assert len(make_administration(site.config).snapshots.list()) == 2


@pytest.mark.parametrize(
    "command", [("backup", "restore", "update-1-full", "--yes"), ("adopt", INSTALLED)], ids=["restore", "adopt"]
)
def test_what_was_prepared_for_stays_as_it_is(shell: Shell, site: Site, number: int, command: tuple[str, ...]) -> None:
    refused = shell(*command)
    assert refused.exit_code == 1
    assert READY in refused.output
    assert f"cancel {number}" in refused.output
    assert not site.config.maintenance.flag.exists()


@pytest.mark.parametrize("more", [(), ("--prepare", "--switch-at", LATER)], ids=["at once", "prepared"])
@pytest.mark.usefixtures("number")
def test_a_second_import_is_refused(shell: Shell, site: Site, archives: Archives, more: tuple[str, ...]) -> None:
    refused = shell("import", archives.good, "--notice-read", *more)
    assert refused.exit_code == 1
    assert READY in refused.output
    assert site.operations.web.requests_after(0) == []


@pytest.mark.usefixtures("number")
def test_one_for_a_later_hour_is_taken_and_waits(shell: Shell, site: Site, archives: Archives) -> None:
    assert shell("import", archives.good, "--notice-read", "--start-at", LATER).exit_code == 0
    assert len(site.operations.web.requests_after(0)) == 1
    site.planned(now() + timedelta(minutes=1))
    assert site.engine.next_update(now() + timedelta(hours=1)) is None


@pytest.mark.usefixtures("number")
def test_the_night_leaves_it_alone(site: Site) -> None:
    [rule] = [rule for rule in site.operations.automatic.document()["run"] if rule["rule"] == "no_active_update"]
    assert rule["verdict"] == "refused"


def test_the_shell_says_what_waits_and_changes_its_hour(shell: Shell, site: Site, number: int) -> None:
    said = shell("status").output
    assert "préparée ; bascule : " in said
    waiting = json.loads(shell("status", "--json").stdout)["waiting"]
    assert (waiting["for"], datetime.fromisoformat(waiting["until"]) > now()) == ("hour", True)
    site.engine.hold(number, None, now())
    assert "l'heure prévue est manquée" in shell("status").output
    assert json.loads(shell("status", "--json").stdout)["waiting"] == {"for": "hour", "until": None}
    assert "n'est pas une heure" in shell("reschedule", number, "ce soir").output
    assert "déjà passée" in shell("reschedule", number, "2020-01-01T22:00").output
    assert "il n'y a pas de mise à jour n° 99" in shell("start", 99).output
    assert site.operations.reader.counts()[UpdateStatus.PREPARED] == 1
