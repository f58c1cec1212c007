"""Which services run after a backup was restored by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.administration.restoration import Restoration
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.errors import BackupError
from ospi_supervisor.platform.health import Health, HealthFacts
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.reboot import RebootGuard
from tests.phases.conftest import OLD, FileServices


@pytest.fixture
def parts(
    services: FileServices, answering: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Adapters:
    """A platform with one backup; no proxy stands before it: users see what the flag says."""
    config = answering(runs=services.at_work)
    health = Health(config.platform)
    (tmp_path / "data").mkdir()
    releases = Releases(config.platform.root)
    releases.path(OLD).mkdir(parents=True)
    releases.point_to(OLD)
    snapshots = Snapshots(config.backup.directory, config.platform.data_dirs, (), 2)
    snapshots.take_full("avant", OLD, progress=lambda percent: None, check=lambda: None)
    flag = config.maintenance.flag
    monkeypatch.setattr(Health, "public", lambda self: "maintenance" if flag.exists() else "platform")
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


def test_it_tells_where_it_is_to_the_shell_and_on_the_page(parts: Adapters, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(MaintenanceSwitch, "write_status", lambda _, *status: shown.append((status[0], status[4])))
    Restoration(
        parts, lambda: datetime.now(UTC), lambda _: None, with_safety=True, tell=lambda *step: told.append(step)
    ).run(parts.snapshots.list()[0])
    steps = list(dict.fromkeys(step.split(" (")[0] for step, _ in told))
    assert steps[0] == "Relecture de avant"
    assert steps[-3:] == [
        "Sauvegarde de précaution",
        "Restauration de avant",
        "Démarrage des services, en version 11.5.0",
    ]
    assert ("Restauration de avant", 100.0) in told
    assert ("restore", "Restauration de avant") in shown
    assert ("restore", "Relecture de avant") not in shown  # users still have the platform then


def test_one_that_stopped_says_so_on_the_page(parts: Adapters, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(MaintenanceSwitch, "write_status", lambda _, *status: shown.append(status[0]))
    monkeypatch.setattr(Releases, "point_to", lambda self, version: (_ for _ in ()).throw(BackupError("coupure")))
    with pytest.raises(BackupError, match="coupure"):
        restore(parts)
    assert shown[-1] == "restore_stopped"


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
