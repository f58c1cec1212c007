"""The reverse proxy killed before, in and after each switch of the page, in a restoration and in the switch by hand."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.administration.restoration import Restoration
from ospi_supervisor.administration.service import Administration
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.errors import BackupError, PlatformError
from ospi_supervisor.platform.health import Health, HealthFacts
from ospi_supervisor.platform.reboot import RebootGuard
from ospi_supervisor.system.lock import update_lock
from tests.engine.conftest import KilledSwitch
from tests.phases.conftest import FileServices, services
from tests.platform.proxied import Site
from tests.support.engine import OLD

__all__ = ["services"]

pytestmark = pytest.mark.system

MOMENTS = ("before", "in", "after")


# --- a restoration ----------------------------------------------------------------------------------------------


@dataclass
class Restoring:
    """A backup of data that have changed since, before the real proxy."""

    parts: Adapters
    switch: KilledSwitch
    site: Site
    file: Path

    def restore(self) -> None:
        snapshot = self.parts.snapshots.list()[0]
        Restoration(self.parts, lambda: datetime.now(UTC), lambda _: None, with_safety=False).run(snapshot)

    def shell(self, tmp_path: Path) -> Administration:
        lock = tmp_path / "lock"
        return Administration(
            self.site.config, self.parts, lambda: update_lock(lock), lambda: None, lambda: datetime.now(UTC)
        )


@pytest.fixture
def restoring(site: Site, services: FileServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restoring:
    config = site.config
    file = tmp_path / "data" / "saisie"
    file.parent.mkdir()
    file.write_text("sauvegardée")
    releases = Releases(tmp_path / "platform")
    releases.path(OLD).mkdir(parents=True)
    releases.point_to(OLD)
    snapshots = Snapshots(tmp_path / "backup", (file.parent,), (), 2)
    snapshots.take_full("avant", OLD, progress=lambda percent: None, check=lambda: None)
    file.write_text("abîmée")
    well = HealthFacts(True, OLD, None)
    ill = HealthFacts(False, None, "arrêtée")
    monkeypatch.setattr(Health, "check", lambda *_: well if services.at_work() else ill)
    switch = KilledSwitch(config.maintenance, site.health)
    parts = Adapters(config, releases, services, site.health, switch, (), snapshots, RebootGuard())
    return Restoring(parts, switch, site, file)


@pytest.mark.parametrize("moment", ["before", "in"])
def test_a_restoration_without_its_page_does_not_begin(restoring: Restoring, moment: str) -> None:
    if moment == "before":
        restoring.site.proxy.kill()
    else:
        restoring.switch.in_on = restoring.site.proxy.kill
    with pytest.raises(BackupError, match="n'a pas commencé, rien n'a été touché") as refusal:
        restoring.restore()
    assert "la page de maintenance est retirée" in str(refusal.value)
    assert restoring.file.read_text() == "abîmée"
    restoring.site.proxy.start()
    assert restoring.site.health.public() == "platform"
    restoring.restore()  # once it is back
    assert restoring.file.read_text() == "sauvegardée"


@pytest.mark.parametrize("moment", ["after the page", "before", "in"])
def test_a_restoration_that_is_done_is_not_to_be_done_again(
    restoring: Restoring, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, switch = restoring.site, restoring.switch
    if moment == "in":
        switch.in_off = site.proxy.kill
    else:
        method = (FileServices, "stop") if moment == "after the page" else (FileServices, "start")
        original = getattr(*method)

        def and_kill(*arguments: object) -> None:
            site.proxy.kill()
            original(*arguments)

        monkeypatch.setattr(*method, and_kill)
    with pytest.raises(BackupError, match="ne relancez pas la restauration") as told:
        restoring.restore()
    assert "est faite" in str(told.value)
    assert "la page de maintenance reste en place" in str(told.value)
    assert restoring.file.read_text() == "sauvegardée"
    site.proxy.start()
    assert site.health.public() == "maintenance"
    restoring.shell(tmp_path).maintenance(False)  # what was advised
    assert site.health.public() == "platform"
    assert restoring.file.read_text() == "sauvegardée"


# --- by hand ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("on", [True, False])
def test_by_hand_the_state_that_is_there_is_told(restoring: Restoring, on: bool, moment: str, tmp_path: Path) -> None:
    site, shell = restoring.site, restoring.shell(tmp_path)
    if not on:
        shell.maintenance(True)
    if moment == "before":
        site.proxy.kill()
    elif moment == "in" and on:
        restoring.switch.in_on = site.proxy.kill
    elif moment == "in":
        restoring.switch.in_off = site.proxy.kill
    if moment == "after":
        shell.maintenance(on)
        site.proxy.kill()
    else:
        with pytest.raises(PlatformError, match="la page de maintenance est demandée, et les utilisateurs voient"):
            shell.maintenance(on)
    site.proxy.start()
    shown = moment != "after" or on
    assert site.health.public() == ("maintenance" if shown else "platform")
    shell.maintenance(on)  # again, once the proxy is back
    assert site.health.public() == ("maintenance" if on else "platform")


def test_forced_the_page_is_taken_away_whatever_users_see(restoring: Restoring, tmp_path: Path) -> None:
    shell = restoring.shell(tmp_path)
    shell.maintenance(True)
    restoring.site.proxy.kill()
    with pytest.raises(PlatformError, match="la page de maintenance est retirée, et les utilisateurs voient"):
        shell.maintenance(False, force=True)
    restoring.site.proxy.start()
    assert restoring.site.health.public() == "platform"
