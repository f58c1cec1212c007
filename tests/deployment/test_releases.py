"""Releases: names, the link, and what a crash may leave."""

import subprocess
from pathlib import Path

import pytest

from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.errors import PlatformError
from tests.support.system import require_root
from tests.support.tmpfs import small_disk


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """Release 11.5.0, in use."""
    (tmp_path / "releases" / "11.5.0").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/11.5.0")
    return Releases(tmp_path)


def stage(releases: Releases, version: str) -> None:
    releases.staging(version).mkdir()
    (releases.staging(version) / "file").write_text(version)


def test_a_staged_release_is_published_pointed_to_and_back(releases: Releases) -> None:
    stage(releases, "11.6.0")
    assert releases.versions() == ["11.5.0"]
    releases.publish("11.6.0")
    assert releases.versions() == ["11.5.0", "11.6.0"]
    releases.point_to("11.6.0")
    assert releases.current() == "11.6.0"
    assert (releases.root / "current" / "file").read_text() == "11.6.0"
    releases.point_to("11.5.0")
    assert releases.current() == "11.5.0"


def test_pointing_copes_with_a_temporary_link_of_a_former_crash(releases: Releases) -> None:
    (releases.root / ".current.new").symlink_to("nowhere")
    releases.point_to("11.5.0")
    assert releases.current() == "11.5.0"
    assert sorted(path.name for path in releases.root.iterdir()) == ["current", "releases"]


def test_the_way_back_needs_no_writing_where_the_link_never_moved(tmp_path: Path) -> None:
    require_root("only it can mount a disk")
    with small_disk(tmp_path / "platform", "1m") as root:
        (root / "releases/11.5.0").mkdir(parents=True)
        (root / "releases/11.6.0").mkdir()
        (root / "current").symlink_to("releases/11.5.0")
        subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
        with pytest.raises(PlatformError, match="impossible de faire mener"):
            Releases(root).point_to("11.6.0")
        Releases(root).point_to("11.5.0")
        assert Releases(root).current() == "11.5.0"


def test_what_is_mounted_in_a_release_is_not_deleted_with_it(releases: Releases) -> None:
    require_root("only it can mount a disk")
    stage(releases, "11.4.0")
    releases.publish("11.4.0")
    uploads = releases.path("11.4.0") / "uploads"
    with small_disk(uploads, "1m"):
        (uploads / "letter").write_text("precious")
        with pytest.raises(PlatformError, match=r"monté dans 11\.4\.0"):
            releases.remove("11.4.0")
        assert (uploads / "letter").read_text() == "precious"
        assert (releases.path("11.4.0") / "file").exists()
    releases.remove("11.4.0")
    assert releases.versions() == ["11.5.0"]


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_is_no_folder_is_removed_and_nothing_that_it_leads_to(releases: Releases, kind: str) -> None:
    place, elsewhere = releases.path("11.6.0"), releases.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    if kind == "file":
        place.write_text("a file")
    else:
        place.symlink_to(elsewhere if kind == "link" else "nowhere")
    releases.remove("11.6.0")
    assert (elsewhere / "file").exists()
    assert sorted(path.name for path in releases.folder.iterdir()) == ["11.5.0"]


def test_the_link_stays_where_the_new_release_is_missing(releases: Releases) -> None:
    with pytest.raises(PlatformError, match="bascule est impossible"):
        releases.point_to("11.6.0")
    assert releases.current() == "11.5.0"


def test_a_missing_or_foreign_link_is_said(releases: Releases, tmp_path: Path) -> None:
    (tmp_path / "current").unlink()
    with pytest.raises(PlatformError, match="adopt"):
        releases.current()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "current").symlink_to("elsewhere")
    with pytest.raises(PlatformError, match="hors de"):
        releases.current()


def test_publishing_never_replaces_a_release(releases: Releases) -> None:
    stage(releases, "11.5.0")
    with pytest.raises(PlatformError, match="existe déjà"):
        releases.publish("11.5.0")


def test_publishing_what_was_not_staged_is_an_error_in_words(releases: Releases) -> None:
    with pytest.raises(PlatformError, match="impossible de mettre la version"):
        releases.publish("11.6.0")


def test_removing_takes_release_staging_and_leftovers_and_is_repeatable(releases: Releases) -> None:
    stage(releases, "11.6.0")
    releases.publish("11.6.0")
    stage(releases, "11.6.0")
    (releases.folder / ".11.6.0.removed" / "half").mkdir(parents=True)
    for _ in range(2):
        releases.remove("11.6.0")
        assert [path.name for path in releases.folder.iterdir()] == ["11.5.0"]


def test_removing_follows_no_link_and_copes_with_read_only_folders(releases: Releases, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    stage(releases, "11.6.0")
    (releases.staging("11.6.0") / "link").symlink_to(outside)
    releases.staging("11.6.0").chmod(0o555)
    releases.remove("11.6.0")
    assert (outside / "precious").read_text() == "kept"
    assert not releases.staging("11.6.0").exists()


def test_the_release_in_use_is_never_removed(releases: Releases) -> None:
    with pytest.raises(PlatformError, match="en service"):
        releases.remove("11.5.0")
    assert releases.current() == "11.5.0"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\n"])
def test_a_version_that_is_no_plain_name_names_no_folder(releases: Releases, name: str) -> None:
    with pytest.raises(PlatformError):
        releases.path(name)


def test_a_switch_that_fails_says_where_the_link_leads(releases: Releases) -> None:
    stage(releases, "11.6.0")
    releases.publish("11.6.0")
    (releases.root / ".current.new").mkdir()
    with pytest.raises(PlatformError, match=r"à cet instant, il mène à releases/11.5.0"):
        releases.point_to("11.6.0")
    assert releases.current() == "11.5.0"
