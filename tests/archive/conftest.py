"""One small good archive and its vendor's keys, built once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord
from ospi_supervisor.archive.trust import Trust
from tests.support import archives


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vendor's keys."""
    return archives.make_keys(tmp_path_factory.mktemp("vendor"))


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory, vendor: Path) -> Path:
    """A good archive of a small tree."""
    folder = tmp_path_factory.mktemp("good")
    return archives.build_archive(folder / "good.ospi", vendor, archives.make_tree(folder / "tree"))


@pytest.fixture
def trust(vendor: Path) -> Trust:
    """What a hospital trusts at first."""
    return Trust((vendor / "root.json").read_bytes())


@pytest.fixture
def staged(trust: Trust) -> Callable[..., TreeRecord]:
    """Stages an archive with the trust of the vendor."""

    def run(
        path: Path,
        destination: Path,
        installed: InstalledTree | None = None,
        *,
        hard_links: bool = True,
        check: Callable[[], None] = lambda: None,
        progress: Callable[[float], None] = lambda percent: None,
    ) -> TreeRecord:
        with Archive.open(path, trust, archives.NOW) as archive:
            return stage(archive, destination, installed, progress=progress, check=check, hard_links=hard_links)

    return run
