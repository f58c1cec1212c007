"""Copies of a repository, read while they are made: never a release without its archive."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.mirror import Folder, Site, mirror
from ospi_supervisor.publisher.publication import publish, refresh, withdraw
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.publisher.rotation import Scheme, rotate_root
from tests.support.archives import PRODUCT
from tests.support.hospital import NOW, Hospital, archive, versions
from tests.support.http_server import Handler, Server, serving


def test_a_copy_is_what_its_source_is(tmp_path: Path, keys: Path, repository: Repository, hospital: Hospital) -> None:
    copy = Repository(tmp_path / "copy")
    publish(repository, keys, archive(tmp_path, keys), NOW)
    assert mirror(Folder(repository.folder), copy) == 2
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    withdraw(repository, keys, PRODUCT, "11.6.0", NOW)
    assert mirror(Folder(repository.folder), copy) == 2
    assert mirror(Folder(repository.folder), copy) == 0
    with serving(copy.folder) as server:
        assert versions(hospital.check(server)) == ["11.7.0"]
    for name in ("targets", "metadata"):
        kept = {path.relative_to(copy.folder) for path in (copy.folder / name).rglob("*.*")}
        there = {path.relative_to(repository.folder) for path in (repository.folder / name).rglob("*.*")}
        assert kept <= there


def test_the_command_copies_from_an_address(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    result = CliRunner().invoke(main, ["mirror", server.url, str(tmp_path / "copy")])
    assert result.exit_code == 0, result.output
    with serving(tmp_path / "copy") as copy:
        assert versions(hospital.check(copy)) == ["11.6.0"]
    for source in (str(tmp_path / "absent"), "http://127.0.0.1:9/"):
        refused = CliRunner().invoke(main, ["mirror", source, str(tmp_path / "other")])
        assert refused.exit_code == 1
        assert refused.output.count("\n") == 1


@pytest.mark.parametrize("name", ["1.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_a_page_in_a_files_place_is_told_to_the_vendor_as_one(
    tmp_path: Path, keys: Path, repository: Repository, name: str
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    (repository.metadata / name).write_text("<html>Bienvenue</html>")
    refused = CliRunner().invoke(main, ["mirror", str(repository.folder), str(tmp_path / "copy")])
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1), refused.output
    assert "n'est pas un dépôt" in refused.output


def test_a_damaged_file_of_the_source_is_not_shown(tmp_path: Path, keys: Path, repository: Repository) -> None:
    copy = Repository(tmp_path / "copy")
    publish(repository, keys, archive(tmp_path, keys), NOW)
    next(repository.targets.glob("*/*.ospi")).write_bytes(b"x")
    with pytest.raises(RefusedError, match="abîmé"):
        mirror(Folder(repository.folder), copy)
    assert not (copy.metadata / "timestamp.json").exists()
    next(repository.targets.glob("*/*.ospi")).unlink()
    with pytest.raises(RefusedError, match="ne présente pas"):
        mirror(Folder(repository.folder), copy)


def test_a_source_that_went_back_does_not_take_the_copy_with_it(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    shutil.copytree(repository.folder, tmp_path / "yesterday")
    refresh(repository, keys, NOW)
    copy = Repository(tmp_path / "copy")
    mirror(Folder(repository.folder), copy)
    with pytest.raises(RefusedError, match="plus ancien que la copie"):
        mirror(Folder(tmp_path / "yesterday"), copy)


@pytest.mark.parametrize("often", [True, False])
def test_clients_of_a_copy_follow_changes_of_keys(
    tmp_path: Path, keys: Path, repository: Repository, often: bool
) -> None:
    copy, site = Repository(tmp_path / "copy"), Folder(repository.folder)
    publish(repository, keys, archive(tmp_path, keys), NOW)
    mirror(site, copy)
    first = Hospital((keys / "root.json").read_bytes(), tmp_path / "hospital")
    with serving(copy.folder) as server:
        first.check(server)
        for _ in range(3):
            rotate_root(repository, keys, {"timestamp": Scheme(1, 1), "snapshot": Scheme(1, 1)}, NOW)
            if often:
                mirror(site, copy)
                first.check(server)
        refresh(repository, keys, NOW)
        mirror(site, copy)
        assert versions(first.check(server)) == ["11.6.0"]


def listed_archives(folder: Path) -> list[Path]:
    """What a reader finds from `timestamp.json` on, as a client does."""
    metadata = folder / "metadata"
    timestamp = json.loads((metadata / "timestamp.json").read_bytes())["signed"]
    number = timestamp["meta"]["snapshot.json"]["version"]
    snapshot = json.loads((metadata / f"{number}.snapshot.json").read_bytes())["signed"]
    number = snapshot["meta"]["targets.json"]["version"]
    targets = json.loads((metadata / f"{number}.targets.json").read_bytes())["signed"]["targets"]
    stored = ((path.rpartition("/"), file["hashes"]["sha256"]) for path, file in targets.items())
    return [folder / "targets" / place / f"{sha256}.{name}" for (place, _, name), sha256 in stored]


class Readers:
    """Readers in a loop, each at one of the copies; `missing` are the archives that were shown and not there."""

    def __init__(self, folders: list[Path], count: int) -> None:
        self.missing: list[Path] = []
        self.looks = 0
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(folders[number % len(folders)],)) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _read(self, folder: Path) -> None:
        while not self._stopping.wait(0.02):
            if (folder / "metadata/timestamp.json").exists():
                self.missing += [path for path in listed_archives(folder) if not path.exists()]
                self.looks += 1


def slowly(_: Handler) -> bool:
    time.sleep(0.01)  # a slow place, not a wait for something
    return False


def play(tmp_path: Path, keys: Path, repository: Repository, publications: int, readers: int) -> Readers:
    """So many publications, each copied to two places, one of which reads slowly, while readers look."""
    files = [archive(tmp_path, keys, f"11.{number}.0") for number in range(publications)]
    copies = [Repository(tmp_path / name) for name in ("near", "far")]
    with serving(repository.folder) as server:
        slow = Site(server.url)
        server.behaviour = slowly
        watching = Readers([copy.folder for copy in copies], readers)
        for file in files:
            publish(repository, keys, file, NOW)
            mirror(Folder(repository.folder), copies[0])
            mirror(slow, copies[1])
        watching.stop()
    for copy in copies:
        assert len(listed_archives(copy.folder)) == 2 * publications
    return watching


def test_readers_never_see_a_release_before_its_archive(tmp_path: Path, keys: Path, repository: Repository) -> None:
    watching = play(tmp_path, keys, repository, 4, 8)
    assert watching.looks > 0
    assert watching.missing == []


@pytest.mark.full
def test_two_hundred_readers_during_twenty_publications(tmp_path: Path, keys: Path, repository: Repository) -> None:
    watching = play(tmp_path, keys, repository, 20, 200)
    assert watching.looks > 200
    assert watching.missing == []
