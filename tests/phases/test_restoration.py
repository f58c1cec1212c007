"""Which services run after a backup was restored by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config import Config
from ospi_supervisor.errors import BackupError
from ospi_supervisor.phases.registry import Adapters
from ospi_supervisor.platform.health import Health, HealthFacts
from ospi_supervisor.platform.reboot import RebootGuard
from ospi_supervisor.platform.releases import Releases
from ospi_supervisor.platform.switch import MaintenanceSwitch
from ospi_supervisor.restoration import Restoration
from tests.phases.conftest import OLD, FileServices


@pytest.fixture
def parts(
    services: FileServices, answering: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Adapters:
    """A platform with one backup; no proxy stands before it, so that nobody looks through the public address."""
    config = answering()
    health = Health(config.platform)
    (tmp_path / "data").mkdir()
    releases = Releases(config.platform.root)
    releases.path(OLD).mkdir(parents=True)
    releases.point_to(OLD)
    snapshots = Snapshots(config.backup.directory, config.platform.data_dirs, (), 2)
    snapshots.take_full("avant", OLD, progress=lambda percent: None, check=lambda: None)
    monkeypatch.setattr(MaintenanceSwitch, "confirm", lambda self, on: None)
    switch = MaintenanceSwitch(config.maintenance, health)
    return Adapters(config, releases, services, health, switch, (), snapshots, RebootGuard())


def restore(parts: Adapters) -> list[str]:
    """Restore the backup; what was said."""
    said: list[str] = []
    Restoration(parts, lambda: datetime.now(UTC), said.append, with_safety=False).run(parts.snapshots.list()[0])
    return said


def test_what_was_stopped_on_purpose_stays_so(parts: Adapters, services: FileServices) -> None:
    said = restore(parts)
    assert services.at_work() == {"base", "portail"}
    assert any("lots" in line for line in said)


def test_taken_up_again_it_starts_all(parts: Adapters, services: FileServices, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Releases, "point_to", lambda self, version: (_ for _ in ()).throw(BackupError("coupure")))
        with pytest.raises(BackupError, match="coupure"):
            restore(parts)
    assert services.at_work() == set()
    restore(parts)
    assert services.at_work() == {"base", "portail", "lots"}


def test_a_platform_that_is_not_well_says_nothing_of_what_should_run(
    parts: Adapters, services: FileServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    (services.folder / "portail").unlink()
    check = Health.check

    def look(self: Health, version: str | None, *patience: float) -> HealthFacts:
        return check(self, version if "portail" in services.at_work() else "1.0.0", *patience)

    monkeypatch.setattr(Health, "check", look)
    restore(parts)
    assert services.at_work() == {"base", "portail", "lots"}


def test_data_that_were_moved_since_refuse_before_users_lose_the_platform(
    parts: Adapters, services: FileServices, tmp_path: Path
) -> None:
    (tmp_path / "data").rename(tmp_path / "plus grand")
    (tmp_path / "data").symlink_to(tmp_path / "plus grand")
    with pytest.raises(BackupError, match=r"mène ailleurs ; faites de nouveau de .*/data le dossier de données"):
        restore(parts)
    assert services.at_work() == {"base", "portail"}
    assert not parts.switch.is_on()
