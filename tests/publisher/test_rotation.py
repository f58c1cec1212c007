"""Changing the vendor's keys: old and new hospitals follow, and what a lost key signed is worth nothing."""

import shutil
from pathlib import Path

import pytest

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.offers import OfferKind
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.publication import publish, withdraw
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.publisher.rotation import Scheme, parse_scheme, rotate_root
from tests.support.archives import PRODUCT
from tests.support.hospital import NOW, Hospital, archive, versions
from tests.support.http_server import Server


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot"])
def test_hospitals_follow_three_rotations(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital, role: str
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    hospital.check(server)
    for _ in range(3):
        assert rotate_root(repository, keys, {role: Scheme(1, 2)}, NOW).dropped == ()
    newcomer = Hospital(hospital.root, tmp_path / "newcomer")
    for one in (hospital, newcomer):
        catalogue = one.check(server)
        assert versions(catalogue) == ["11.6.0"]
        assert Trust(catalogue.newest_root).version == 4
    # Archives built from now on carry the whole chain; old trust follows it too.
    later = archive(tmp_path, keys, "11.7.0")
    publish(repository, keys, later, NOW)
    with Archive.open(later, Trust(hospital.root), NOW) as opened:
        assert Trust(opened.header.newest_root).version == 4
    assert versions(hospital.check(server)) == ["11.6.0", "11.7.0"]


def test_replaced_signing_keys_take_their_archives_along(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    """An archive signed by a key that may be in wrong hands is worth nothing any more, and is not offered."""
    publish(repository, keys, archive(tmp_path, keys), NOW)
    rotation = rotate_root(repository, keys, {"targets": Scheme(2, 3)}, NOW)
    assert {offer.kind for offer in rotation.dropped} == {OfferKind.FULL, OfferKind.NOTICE}
    assert versions(hospital.check(server)) == []
    rebuilt = archive(tmp_path, keys, "11.6.1")
    publish(repository, keys, rebuilt, NOW)
    assert versions(hospital.check(server)) == ["11.6.1"]


def test_two_keys_of_three_are_enough_and_one_is_not(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    rotate_root(repository, keys, {"targets": Scheme(2, 3)}, NOW)
    present = sorted((keys / "private").glob("targets-*.pem"))
    assert len(present) == 3
    present[0].unlink()
    publish(repository, keys, archive(tmp_path, keys), NOW)
    assert versions(hospital.check(server)) == ["11.6.0"]
    present[1].unlink()
    with pytest.raises(RefusedError, match="il en faut 2"):
        withdraw(repository, keys, PRODUCT, "11.6.0", NOW)


def test_a_rotation_cut_short_before_it_was_published_goes_on(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    """The key folder has the new root, the repository still the old one."""
    publish(repository, keys, archive(tmp_path, keys), NOW)
    shutil.copytree(repository.folder, tmp_path / "before")
    seen = (keys / "seen.json").read_bytes()
    rotate_root(repository, keys, {"timestamp": Scheme(1, 1), "root": Scheme(2, 2)}, NOW)
    (keys / "seen.json").write_bytes(seen)  # written last
    shutil.rmtree(repository.folder)
    shutil.copytree(tmp_path / "before", repository.folder)
    newer = archive(tmp_path, keys, "11.7.0")
    with pytest.raises(RefusedError, match="lancez « rotate-root » sur ce dépôt pour l'achever"):
        publish(repository, keys, newer, NOW)
    assert rotate_root(repository, keys, {"root": Scheme(2, 2)}, NOW).version == 2
    publish(repository, keys, newer, NOW)
    assert versions(hospital.check(server)) == ["11.6.0", "11.7.0"]


def test_no_instant_of_a_rotation_leaves_a_client_behind(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    """The last thing published is the new root: before it, the old root proves all that is there."""
    publish(repository, keys, archive(tmp_path, keys), NOW)
    rotate_root(repository, keys, {role: Scheme(1, 1) for role in ("root", "snapshot", "timestamp")}, NOW)
    newest = repository.metadata / "2.root.json"
    published = newest.read_bytes()
    newest.unlink()
    assert versions(hospital.check(server)) == ["11.6.0"]
    newest.write_bytes(published)
    assert versions(hospital.check(server)) == ["11.6.0"]
    assert Trust(hospital.check(server).newest_root).version == 2


def test_a_rotation_that_cannot_go_through_changes_no_key(tmp_path: Path, keys: Path, repository: Repository) -> None:
    offer = publish(repository, keys, archive(tmp_path, keys), NOW)
    (repository.targets / offer.stored_path).unlink()
    with pytest.raises(FileNotFoundError):
        rotate_root(repository, keys, {"targets": Scheme(2, 3)}, NOW)
    assert not (keys / "2.root.json").exists()
    (repository.targets / offer.stored_path).write_bytes((tmp_path / f"{PRODUCT}-11.6.0.ospi").read_bytes())
    assert rotate_root(repository, keys, {"targets": Scheme(2, 3)}, NOW).version == 2


def test_a_rotation_needs_the_old_roots_keys(tmp_path: Path, keys: Path, repository: Repository) -> None:
    (keys / "private" / "root-1.pem").unlink()
    with pytest.raises(RefusedError, match="il en faut 2"):
        rotate_root(repository, keys, {"targets": Scheme(2, 3)}, NOW)
    assert not (keys / "2.root.json").exists()


@pytest.mark.parametrize("text", ["targets", "targets=2", "targets=4/3", "targets=0/3", "chef=1/1", "targets=a/b"])
def test_schemes_that_make_no_sense(text: str) -> None:
    with pytest.raises(RefusedError, match="attendu RÔLE=SEUIL/NOMBRE"):
        parse_scheme(text)
