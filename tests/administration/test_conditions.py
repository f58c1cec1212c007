"""What an update depends on is the same as long as nothing changes, and tells what does."""

from collections.abc import Callable
from pathlib import Path

from ospi_supervisor.administration.conditions import conditions_of
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config
from tests.phases.conftest import OLD, answering
from tests.platform.conftest import make_config, make_stub

__all__ = ["answering", "make_config", "make_stub"]


def test_conditions_change_with_what_is_found_and_only_then(answering: Callable[..., Config]) -> None:
    config = answering(prerequisites={"cores": 1})
    for folder in (*config.platform.data_dirs, config.platform.root / "releases" / OLD, config.backup.directory):
        folder.mkdir(parents=True, exist_ok=True)
    (config.platform.root / "current").symlink_to(Path("releases") / OLD)
    adapters = make_adapters(config)
    before = conditions_of(config, adapters)
    assert conditions_of(config, adapters).facts == before.facts
    assert str(config.backup.directory) in before.disks
    config.maintenance.flag.mkdir(parents=True)
    found = conditions_of(config, adapters).facts - before.facts
    assert [fact for fact in found if fact.startswith("obstacles") and str(config.maintenance.flag) in fact]
