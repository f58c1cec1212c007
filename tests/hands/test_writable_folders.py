"""The folders of a release in which the platform writes go with it, and nothing that their links name."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.errors import BackupError, PlatformError
from tests.hands.accounts import as_account, give, start_as
from tests.hands.test_data_folders import SWAP_FOR_EVER

DEEP = """
import os, sys
os.chdir(sys.argv[1])
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
"""


def test_folders_thousands_deep_are_refused_by_name_and_removed(tmp_path: Path) -> None:
    releases = Releases(tmp_path / "platform")
    installed = InstalledReleases(releases, StatePaths(tmp_path / "state"))
    (releases.folder / "1" / "cache").mkdir(parents=True)
    (releases.folder / "2").mkdir()
    releases.point_to("2")
    as_account(DEEP, give(releases.folder / "1" / "cache"))
    installed.save_manifest(Manifest(product="p", version="1", writable=("cache",)))
    with pytest.raises(BackupError, match="ne peut pas être lu"):
        installed.weigh_writable("1")
    releases.remove("1")
    assert [path.name for path in releases.folder.iterdir()] == ["2"]


def test_removing_a_release_removes_nothing_elsewhere(tmp_path: Path) -> None:
    """The platform's account swaps a folder for a link to another place all the while."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("root's own")
    releases = Releases(tmp_path / "platform")
    (releases.folder / "2").mkdir(parents=True)
    releases.point_to("2")
    for _ in range(5):
        cache = releases.folder / "1" / "cache"
        (cache / "z").mkdir(parents=True)
        for number in range(300):
            (cache / "z" / f"{number}").touch()
        give(cache)
        give(cache / "z")
        with start_as(SWAP_FOR_EVER, cache, outside, stdout=subprocess.PIPE) as racer:
            assert racer.stdout is not None
            assert racer.stdout.readline()
            with suppress(PlatformError):  # it may say that the folder is being filled
                releases.remove("1")
            racer.kill()
        releases.remove("1")
        assert [path.name for path in outside.iterdir()] == ["kept"]
