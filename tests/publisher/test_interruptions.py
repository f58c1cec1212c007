"""A power cut at every write of a rotation and of a withdrawal: hospitals follow, and every command works again."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.offers import OfferKind
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.keys import load_key, new_key, root_chain
from ospi_supervisor.publisher.publication import publish, refresh, withdraw
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.publisher.rotation import Rotation, Scheme, rotate_root
from tests.publisher.kills import killed_at
from tests.support.archives import PRODUCT
from tests.support.hospital import NOW, Hospital, archive, versions
from tests.support.http_server import Server


@dataclass(frozen=True)
class Vendor:
    """A vendor's key folder and repository, with a hospital that follows it since its first publication."""

    folder: Path
    server: Server
    root: bytes

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def repository(self) -> Repository:
        return Repository(self.folder / "repository")

    def copy(self, folder: Path) -> "Vendor":
        """The same in `folder`, in place of what was there; it is served from now on."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, symlinks=True)
        self.server.root = folder / "repository"
        return Vendor(folder, self.server, self.root)

    def visible(self) -> dict[str, bytes]:
        """Every file that has its final name."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}

    def seen(self) -> list[str]:
        """The releases that an old and a new hospital are offered, each archive there and proven."""
        shutil.rmtree(self.folder / "newcomer", ignore_errors=True)
        old, new = (Hospital(self.root, self.folder / name).check(self.server) for name in ("follower", "newcomer"))
        assert old.offers == new.offers
        for offer in new.offers:
            path = self.repository.targets / offer.stored_path
            assert path.exists()
            if offer.kind is not OfferKind.NOTICE:
                Archive.open(path, Trust(new.newest_root), NOW).file.close()
        return versions(new)

    def rotate(self, roles: tuple[str, ...]) -> Rotation:
        return rotate_root(self.repository, self.keys, {role: Scheme(1, 1) for role in roles}, NOW)

    def publish(self, file: Path) -> None:
        publish(self.repository, self.keys, file, NOW)

    def withdraw(self, version: str) -> None:
        withdraw(self.repository, self.keys, PRODUCT, version, NOW)

    def refresh(self) -> None:
        refresh(self.repository, self.keys, NOW)


@pytest.fixture
def vendor(tmp_path: Path, keys: Path, repository: Repository, server: Server) -> Vendor:
    """11.5.0 and 11.6.0 are published."""
    folder = tmp_path / "vendor"
    folder.mkdir()
    shutil.move(keys, folder / "keys")
    vendor = Vendor(folder, server, (folder / "keys" / "root.json").read_bytes())
    server.root = folder / "repository"
    for version in ("11.5.0", "11.6.0"):
        vendor.publish(archive(tmp_path, vendor.keys, version))
    assert vendor.seen() == ["11.5.0", "11.6.0"]
    return vendor


EACH = pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.full)])
"""One write of four is played in each run, all of them by `make test-all`."""


def killed(vendor: Vendor, folder: Path, command: Callable[[Vendor], object], stride: int = 1) -> Iterator[Vendor]:
    """What `command` leaves in `folder` when it is killed at each `stride`th of its writes; not twice the same."""
    before: dict[str, bytes] = {}
    for number in itertools.count(stride // 2, stride):
        case = vendor.copy(folder)
        if not killed_at(number, lambda case=case: command(case)):  # type: ignore[misc]
            return
        if (left := case.visible()) != before:
            yield case
        before = left


@EACH
@pytest.mark.parametrize("roles", [("snapshot", "targets"), ("root", "timestamp")], ids="+".join)
def test_a_rotation_killed_at_any_write_leaves_nobody_behind_and_is_completed(
    tmp_path: Path, vendor: Vendor, roles: tuple[str, ...], stride: int
) -> None:
    completed = 0
    for case in killed(vendor, tmp_path / "case", lambda case: case.rotate(roles), stride):
        case.seen()
        begun = len(root_chain(case.keys)) == 2
        newer = archive(tmp_path, case.keys, "11.7.0")
        if begun and not (case.repository.metadata / "2.root.json").exists():
            completed += 1
            assert_refused(case, newer)
            rotation = case.rotate(roles)
            assert (rotation.version, rotation.resumed) == (2, True)
        offered = case.seen()
        assert offered == ([] if begun and "targets" in roles else ["11.5.0", "11.6.0"])
        case.refresh()
        case.publish(newer)
        case.withdraw("11.7.0")
        assert case.seen() == offered
    assert completed >= 5 // stride


def assert_refused(vendor: Vendor, newer: Path) -> None:
    """Every command but `rotate-root`; nothing changes."""
    before = vendor.visible()
    for command in (vendor.refresh, lambda: vendor.publish(newer), lambda: vendor.withdraw("11.5.0")):
        with pytest.raises(RefusedError, match="« rotate-root » sur ce dépôt"):
            command()
    assert vendor.visible() == before


def test_a_rotation_that_is_killed_again_while_it_is_completed(tmp_path: Path, vendor: Vendor) -> None:
    roles = ("snapshot", "timestamp", "targets")
    begun = next(
        case
        for case in killed(vendor, tmp_path / "begun", lambda case: case.rotate(roles))
        if len(root_chain(case.keys)) == 2
    )
    for case in killed(begun, tmp_path / "case", lambda case: case.rotate(("root",))):
        case.seen()
        if not (case.repository.metadata / "2.root.json").exists():
            assert case.rotate(("root",)).version == 2
        case.refresh()
        assert case.seen() == []


@pytest.fixture
def empty(tmp_path: Path, keys: Path, server: Server) -> Vendor:
    """Nothing is published in this repository; the keys have their second root, made for another one."""
    folder = tmp_path / "empty"
    folder.mkdir()
    first = (keys / "root.json").read_bytes()
    rotate_root(Repository(tmp_path / "other"), keys, {"timestamp": Scheme(1, 1)}, NOW)
    shutil.move(keys, folder / "keys")
    return Vendor(folder, server, first)


def test_a_first_rotation_of_an_empty_repository_can_be_killed(tmp_path: Path, empty: Vendor) -> None:
    for case in killed(empty, tmp_path / "case", lambda case: case.rotate(("timestamp",))):
        if (case.repository.metadata / "timestamp.json").exists():
            assert case.seen() == []
        case.rotate(("timestamp",))
        case.publish(archive(tmp_path, case.keys))
        assert case.seen() == ["11.6.0"]


def test_a_first_publication_can_be_killed(tmp_path: Path, empty: Vendor) -> None:
    source = archive(tmp_path, empty.keys)
    for case in killed(empty, tmp_path / "case", lambda case: case.publish(source)):
        if (case.repository.metadata / "timestamp.json").exists():
            assert case.seen() == ["11.6.0"]
        case.publish(source)
        assert case.seen() == ["11.6.0"]


def test_half_a_key_is_never_kept(tmp_path: Path) -> None:
    path = tmp_path / "timestamp-1.pem"
    for number in itertools.count():
        if not killed_at(number, lambda: new_key(path)):
            break
        assert not path.exists()
    load_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        new_key(path)


@EACH
@pytest.mark.parametrize("command", ["publish", "refresh", "withdraw"])
def test_a_withdrawal_killed_at_any_write_is_completed_by_the_next_command(
    tmp_path: Path, vendor: Vendor, command: str, stride: int
) -> None:
    withdrawn = tmp_path / f"{PRODUCT}-11.5.0.ospi"
    for case in killed(vendor, tmp_path / "case", lambda case: case.withdraw("11.5.0"), stride):
        offered = case.seen()
        if command == "publish":
            case.publish(withdrawn)
        elif command == "refresh":
            case.refresh()
        elif "11.5.0" in offered:
            case.withdraw("11.5.0")
        else:
            with pytest.raises(RefusedError, match="n'est pas dans ce dépôt"):
                case.withdraw("11.5.0")
        assert case.seen() == {"publish": ["11.5.0", "11.6.0"], "refresh": offered, "withdraw": ["11.6.0"]}[command]
        assert stored(case.repository) == {offer.stored_path for offer in case.repository.offers()}


def stored(repository: Repository) -> set[str]:
    return {path.relative_to(repository.targets).as_posix() for path in repository.targets.glob("*/*")}


def test_a_publication_killed_half_way_leaves_nothing_behind_after_the_next_command(
    tmp_path: Path, vendor: Vendor
) -> None:
    newer = archive(tmp_path, vendor.keys, "11.7.0")
    for case in killed(vendor, tmp_path / "case", lambda case: publish(case.repository, case.keys, newer, NOW)):
        shown = case.seen()
        case.refresh()
        assert case.seen() == shown
        assert stored(case.repository) == {offer.stored_path for offer in case.repository.offers()}


def test_what_is_not_the_publishers_stays_in_the_repository(vendor: Vendor) -> None:
    page = vendor.repository.targets / PRODUCT / "index.html"
    page.write_text("bonjour")
    vendor.withdraw("11.5.0")
    assert page.exists()


def test_nobody_publishes_while_a_withdrawal_removes_files(
    tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = archive(tmp_path, vendor.keys, "11.7.0")
    remove: Callable[[Path], None] = os.unlink
    removed: list[str] = []

    def removing(path: Path) -> None:
        with pytest.raises(RefusedError, match="une autre publication est en cours"):
            vendor.publish(source)
        remove(path)
        removed.append(path.suffix)

    monkeypatch.setattr(os, "unlink", removing)
    vendor.withdraw("11.5.0")
    assert sorted(removed) == [".ospi", ".pdf"]
