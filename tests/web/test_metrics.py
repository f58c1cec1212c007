"""What monitoring reads: accepted by promtool, with what an alert needs."""

import re
import subprocess
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import BACKUPS, BackupRow, BackupsDocument
from ospi_supervisor.web import metrics
from tests.support import handouts
from tests.support.site import Site, now
from tests.support.system import require_program

TOKEN = {"Authorization": "Bearer jeton-de-mesure"}


def read(site: Site) -> str:
    answer = site.browser(None).get("metrics", headers=TOKEN)
    assert answer.status_code == 200
    return answer.text


def value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, (name, text)
    return float(found[1])


def lived_in(site: Site) -> None:
    """A server with a past: an update that succeeded, one under way, a backup, a look at the repository."""
    site.engine.beat(now(), 1)
    site.update(UpdateStatus.SUCCEEDED)
    number = site.update()
    site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    taken = now() - timedelta(hours=3)
    row = BackupRow(id="manuelle-1", taken_at=taken, release="11.5.0", base=None, size=1, data_bytes=1)
    document = BackupsDocument(snapshots=[row], unusable=[], at_work=False, free=5, total=10)
    PublishedStore(site.engine).publish(BACKUPS, document, now())
    available = {"version": '11.7.0"\n\\', "kind": "full", "base": None, "size": 1}
    check: dict[str, object] = {
        "at": now().isoformat(),
        "repository": "x",
        "links": [],
        "error": "",
        "fresh_until": None,
    }
    run = {"at": now().isoformat(), "night": None, "message": "", "update": None, "ok": False}
    found = {"available": available, "own": {"available": available | {"version": "99.0"}, "outlook": None}}
    AutomaticStore(site.engine).note(last_check=check | found, last_run=run)
    handouts.configured(site)
    handouts.tell(site, "la commande a échoué (code 1)")


@pytest.mark.system
@pytest.mark.parametrize("past", [False, True])
def test_promtool_accepts_them(site: Site, past: bool) -> None:
    if past:
        lived_in(site)
    check = [require_program("promtool"), "check", "metrics"]
    done = subprocess.run(check, input=read(site), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_they_tell_what_an_alert_needs(site: Site) -> None:
    lived_in(site)
    text = read(site)
    assert value(text, "ospi_worker_up") == 1
    assert value(text, "ospi_update_under_way") == 2
    assert value(text, 'ospi_update_phase_ratio{phase="stage"}') == 0
    assert value(text, 'ospi_updates{status="succeeded"}') == 1
    assert 0 <= now().timestamp() - value(text, "ospi_last_success_timestamp_seconds") < 3600
    assert 3 * 3600 <= now().timestamp() - value(text, "ospi_backup_timestamp_seconds") < 4 * 3600
    assert value(text, 'ospi_disk_free_bytes{disk="backups"}') == 5
    assert value(text, 'ospi_disk_size_bytes{disk="platform"}') > 0
    assert value(text, "ospi_disk_free_wanted_ratio") == 0
    assert value(text, 'ospi_version_available{version="11.7.0\\"\\n\\\\"}') == 1
    assert value(text, 'ospi_supervisor_version_available{version="99.0"}') == 1
    assert value(text, "ospi_last_handout_ok") == 0
    assert 0 <= now().timestamp() - value(text, "ospi_last_handout_timestamp_seconds") < 3600
    assert (value(text, "ospi_last_check_ok"), value(text, "ospi_last_run_ok")) == (1, 0)


def test_what_is_not_known_is_not_told(site: Site) -> None:
    text = read(site)
    assert value(text, "ospi_worker_up") == 0
    assert "ospi_last_success" not in text
    assert "ospi_version_available" not in text
    assert "ospi_last_handout" not in text


def test_a_handing_out_counts_while_there_is_a_command_for_it(site: Site) -> None:
    handouts.tell(site, "la commande a échoué (code 1)")
    assert "ospi_last_handout" not in read(site)
    handouts.configured(site)
    handouts.tell(site, None)
    assert value(read(site), "ospi_last_handout_ok") == 1


def test_an_update_of_the_supervisor_itself_is_no_success_of_the_platform(site: Site) -> None:
    site.update(UpdateStatus.SUCCEEDED, product=OWN_PRODUCT)
    assert "ospi_last_success" not in read(site)


def test_a_gauge_without_labels_has_no_braces() -> None:
    assert list(metrics.Gauge("x", "X.", [({}, 1)]).lines()) == ["# HELP ospi_x X.", "# TYPE ospi_x gauge", "ospi_x 1"]
