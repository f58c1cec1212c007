"""Key folders that do not stand where the repository stands: older, another's, or ahead of it; and the way out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ospi_supervisor.errors import FeedError, RefusedError
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.keys import RETIRED
from ospi_supervisor.publisher.publication import publish, refresh, withdraw
from ospi_supervisor.publisher.repository import Repository, current_root, decoded, key_signers
from ospi_supervisor.publisher.rotation import Scheme, repair, rotate_root
from tests.support.archives import PRODUCT
from tests.support.hospital import NOW, Hospital, archive, versions
from tests.support.http_server import Server, serving

ONE = Scheme(1, 1)


@pytest.fixture
def stale(tmp_path: Path, keys: Path, repository: Repository) -> Path:
    """A copy of the key folder made before a rotation of everything; 11.6.0 is published under the new keys."""
    shutil.copytree(keys, tmp_path / "stale")
    rotate_root(repository, keys, dict.fromkeys(("root", "targets", "snapshot", "timestamp"), ONE), NOW)
    publish(repository, keys, archive(tmp_path, keys), NOW)
    return tmp_path / "stale"


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "command",
    [
        refresh,
        lambda repository, keys, now: withdraw(repository, keys, PRODUCT, "11.6.0", now),
        lambda repository, keys, now: publish(repository, keys, archive(keys.parent, keys, "11.7.0"), now),
        lambda repository, keys, now: rotate_root(repository, keys, {"timestamp": ONE}, now),
        repair,
    ],
    ids=["refresh", "withdraw", "publish", "rotate-root", "repair"],
)
def test_a_key_folder_of_the_past_signs_nothing(
    repository: Repository, stale: Path, command: Callable[..., object]
) -> None:
    before = files(repository.folder), files(stale)
    with pytest.raises(RefusedError, match="plus ancien que le dépôt"):
        command(repository, stale, NOW)
    assert (files(repository.folder), files(stale)) == before


def test_two_rotations_of_one_root_do_not_mix(tmp_path: Path, repository: Repository, stale: Path) -> None:
    rotate_root(Repository(tmp_path / "other"), stale, {"timestamp": ONE}, NOW)
    with pytest.raises(RefusedError, match="n'est pas celle du dossier de clés"):
        refresh(repository, stale, NOW)


def test_a_second_repository_of_the_same_keys_follows_later(
    tmp_path: Path, keys: Path, repository: Repository, hospital: Hospital
) -> None:
    """One key folder signs a repository for each operating system: the second has two rotations to make up for."""
    second = Repository(tmp_path / "second")
    publish(second, keys, archive(tmp_path, keys), NOW)
    for _ in range(2):
        rotate_root(repository, keys, {"snapshot": ONE, "timestamp": ONE}, NOW)
    with serving(second.folder) as server:
        with pytest.raises(RefusedError, match="ce dépôt n'a pas encore la racine 3 du dossier de clés"):
            refresh(second, keys, NOW)
        assert versions(hospital.check(server)) == ["11.6.0"]
        rotation = rotate_root(second, keys, {"timestamp": ONE}, NOW)
        assert (rotation.version, rotation.resumed, rotation.dropped) == (3, True, ())
        # What stands now is proven by each root that clients may still have.
        for number in (3, 2):
            (second.metadata / f"{number}.root.json").rename(tmp_path / f"{number}.root.json")
            newcomer = Hospital(hospital.root, tmp_path / f"newcomer-{number}")
            assert versions(newcomer.check(server)) == ["11.6.0"]
        for number in (2, 3):
            (tmp_path / f"{number}.root.json").rename(second.metadata / f"{number}.root.json")
        refresh(second, keys, NOW)
        assert versions(hospital.check(server)) == ["11.6.0"]


def test_a_second_repository_whose_old_keys_were_destroyed(
    tmp_path: Path, keys: Path, repository: Repository, hospital: Hospital
) -> None:
    second = Repository(tmp_path / "second")
    publish(second, keys, archive(tmp_path, keys), NOW)
    rotate_root(repository, keys, {"timestamp": ONE}, NOW)
    shutil.rmtree(keys / RETIRED)
    with pytest.raises(RefusedError, match=r"^0 clé de la racine 1 .*, il en faut 1"):
        rotate_root(second, keys, {"timestamp": ONE}, NOW)
    repair(second, keys, NOW)
    refresh(second, keys, NOW)
    with serving(second.folder) as server:
        assert versions(hospital.check(server)) == ["11.6.0"]


def test_keys_destroyed_where_they_lie_hinder_nobody(tmp_path: Path, keys: Path, repository: Repository) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    rotate_root(repository, keys, {"timestamp": ONE}, NOW)
    (keys / RETIRED / "timestamp-1.pem").write_bytes(b"\0" * 100)
    refresh(repository, keys, NOW)
    assert rotate_root(repository, keys, {"timestamp": ONE}, NOW).version == 3


def test_a_repository_signed_by_a_key_folder_of_the_past_is_repaired(
    tmp_path: Path, keys: Path, repository: Repository, stale: Path, server: Server, hospital: Hospital
) -> None:
    assert versions(hospital.check(server)) == ["11.6.0"]
    with repository.locked():
        state = repository.state([current_root(keys)], NOW)
        repository.commit(state, key_signers(stale), current_root(stale), NOW)
    with pytest.raises(FeedError):
        hospital.check(server)
    with pytest.raises(RefusedError, match="pas signé par les clés actuelles"):
        refresh(repository, keys, NOW)
    with pytest.raises(RefusedError, match="pas signé par les clés actuelles"):
        rotate_root(repository, keys, {"root": ONE}, NOW)
    assert not (keys / "3.root.json").exists()
    assert repair(repository, keys, NOW).dropped == ()
    assert versions(hospital.check(server)) == ["11.6.0"]
    refresh(repository, keys, NOW)
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    assert versions(hospital.check(server)) == ["11.6.0", "11.7.0"]


@pytest.mark.parametrize("role", ["targets", "snapshot"])
def test_a_timestamp_alone_signed_by_the_new_keys_is_repaired(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital, role: str
) -> None:
    """Targets and snapshot still bear the former keys only, though clients follow the new root."""
    publish(repository, keys, archive(tmp_path, keys), NOW)
    former = decoded([hospital.root])
    rotate_root(Repository(tmp_path / "other"), keys, {role: ONE, "timestamp": ONE}, NOW)
    with repository.locked():
        state = repository.state(former, NOW)
        repository.commit_timestamp(state, key_signers(keys), current_root(keys), NOW)
        repository.add_roots(keys)
    with pytest.raises(FeedError):
        hospital.check(server)
    dropped = repair(repository, keys, NOW).dropped
    assert bool(dropped) == (role == "targets")
    assert versions(hospital.check(server)) == ([] if dropped else ["11.6.0"])
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    assert "11.7.0" in versions(hospital.check(server))


def test_what_no_key_of_the_vendors_signed_is_not_repaired(
    tmp_path: Path, keys: Path, repository: Repository, stale: Path
) -> None:
    path = max(repository.metadata.glob("*.targets.json"), key=lambda path: int(path.name.split(".")[0]))
    path.write_bytes(path.read_bytes().replace(b"11.6.0", b"11.9.0"))
    with pytest.raises(RefusedError, match="pas signé par les clés actuelles"):
        repair(repository, keys, NOW)


def test_the_commands_words(tmp_path: Path, keys: Path, repository: Repository) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    where = ["--repository", str(repository.folder), "--keys", str(keys)]
    rotate_root(Repository(tmp_path / "other"), keys, {"timestamp": ONE}, NOW)
    refused = CliRunner().invoke(main, ["refresh", *where])
    assert refused.exit_code == 1
    assert "lancez « rotate-root » sur ce dépôt" in refused.stderr
    resumed = CliRunner().invoke(main, ["rotate-root", *where])
    assert "racine 2 publiée" in resumed.output
    assert "ce changement-là est achevé" in resumed.output
    assert "racine 3 publiée" in CliRunner().invoke(main, ["rotate-root", *where]).output
    repaired = CliRunner().invoke(main, ["rotate-root", "--repair", *where])
    assert "signé de nouveau par les clés de la racine 3" in repaired.output
    assert CliRunner().invoke(main, ["rotate-root", "--repair", "--role", "root=2/2", *where]).exit_code == 2
