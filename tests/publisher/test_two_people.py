"""Two people, two machines: each signs with a key that never lies beside the other's."""

import os
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ospi_supervisor.archive import layout
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.keys import load_key
from ospi_supervisor.publisher.repository import Repository
from tests.support import archives
from tests.support.hospital import Hospital, versions
from tests.support.http_server import Server

SECRET = "une longue phrase de passe"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def said(*words: str | Path) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def machines(tmp_path: Path, keys: Path) -> dict[str, Path]:
    """Three machines with the same public folder: two people's, and the publication server's."""
    shares = {"alice": ["targets-1"], "bob": ["targets-2"], "server": ["snapshot-1", "timestamp-1"]}
    for name, private in shares.items():
        folder = tmp_path / name
        shutil.copytree(keys, folder, ignore=shutil.ignore_patterns("*-*.pem", "support.pem"))
        for key in private:
            shutil.copy(keys / f"private/{key}.pem", folder / "private")
    return {name: tmp_path / name for name in shares}


@pytest.fixture
def build(tmp_path: Path) -> list[str]:
    archives.make_tree(tmp_path / "tree")
    (tmp_path / "notice.pdf").write_bytes(archives.NOTICE)
    words = ["build", "--product", "portail-bi", "--version", "11.6.0", "--payload", tmp_path / "tree"]
    return [str(word) for word in [*words, "--notice", tmp_path / "notice.pdf", "-o", tmp_path / "x.ospi"]]


@pytest.mark.parametrize("unsigned", [True, False])
def test_a_release_is_signed_and_published_by_two_people(
    tmp_path: Path,
    machines: dict[str, Path],
    build: list[str],
    repository: Repository,
    server: Server,
    hospital: Hospital,
    unsigned: bool,
) -> None:
    file = tmp_path / "x.ospi"
    first = said(*build, "--keys", machines["alice"], *(["--unsigned"] if unsigned else []))
    assert f"porte {0 if unsigned else 1} signature, il en faut 2" in first
    publish = ("publish", file, "--repository", repository.folder, "--keys", machines["server"])
    refused = run(*publish)
    assert refused.exit_code == 1
    assert "ospi-release sign" in refused.output
    assert "Espace utilisateur" not in refused.output
    if unsigned:
        said("sign", file, "--key", machines["alice"] / "private/targets-1.pem")
    assert "2 signatures sur 2" in said("sign", file, "--key", machines["bob"] / "private/targets-2.pem")
    said("verify", file, "--root", machines["bob"] / "root.json")

    refused = run(*publish)
    assert refused.exit_code == 1
    waiting = repository.folder / "pending/2.targets.json"
    assert str(waiting) in refused.output
    assert not list(repository.targets.glob("*/*"))
    for person, key in (("alice", "targets-1"), ("bob", "targets-2")):
        refused = run(*publish)
        assert refused.exit_code == 1
        said(
            "sign", waiting, "--key", machines[person] / f"private/{key}.pem", "--root", machines[person] / "root.json"
        )
    said(*publish)
    assert versions(hospital.check(server)) == ["11.6.0"]
    assert not waiting.exists()
    assert "publish  portail-bi-11.6.0.ospi" in said(
        "journal", "--repository", repository.folder, "--keys", machines["server"]
    )


def test_a_key_that_does_not_sign_releases_is_refused(tmp_path: Path, keys: Path, build: list[str]) -> None:
    said(*build, "--keys", keys, "--unsigned")
    refused = run("sign", tmp_path / "x.ospi", "--key", keys / "private/snapshot-1.pem")
    assert refused.exit_code == 1
    assert "« targets »" in refused.output
    refused = run("sign", keys / "root.json", "--key", keys / "private/targets-1.pem")
    assert refused.exit_code == 1
    assert "rien d'autre" in refused.output


def test_what_was_signed_by_one_is_the_same_for_the_other(tmp_path: Path, keys: Path, build: list[str]) -> None:
    """Both orders give the same bytes: signatures cover contents that neither changes."""
    digests = set()
    for order in (("targets-1", "targets-2"), ("targets-2", "targets-1")):
        said(*build, "--keys", keys, "--unsigned", "--date", "2026-01-05")
        for name in order:
            said("sign", tmp_path / "x.ospi", "--key", keys / f"private/{name}.pem")
        digests.add((tmp_path / "x.ospi").read_bytes().partition(b"manifest.json")[2])
        said("verify", tmp_path / "x.ospi", "--root", keys / "root.json")
    assert len(digests) == 1


def test_keys_are_encrypted_by_a_passphrase(tmp_path: Path, build: list[str]) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    keys, secret = tmp_path / "encrypted", ("--passphrase-file", tmp_path / "secret")
    said("init", keys, "--encrypt", *secret)
    assert all(b"ENCRYPTED" in path.read_bytes() for path in (keys / "private").iterdir())
    refused = run(*build, "--keys", keys)
    assert refused.exit_code == 1
    assert "--passphrase-file" in refused.output
    said(*build, "--keys", keys, *secret)
    (tmp_path / "secret").write_text("une autre\n")
    refused = run(*build, "--keys", keys, *secret)
    assert "phrase de passe fausse" in refused.output
    assert SECRET not in refused.output


def test_one_key_is_protected_and_laid_bare_again(tmp_path: Path, keys: Path) -> None:
    key = keys / "private/targets-1.pem"
    (tmp_path / "secret").write_text(SECRET)
    before = load_key(key).public_key()
    said("protect", key, "--encrypt", "--passphrase-file", tmp_path / "secret")
    assert b"ENCRYPTED" in key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    said("protect", key, "--passphrase-file", tmp_path / "secret")
    assert load_key(key).public_key() == before


def test_keys_lie_on_devices_of_their_own(tmp_path: Path, keys: Path, build: list[str]) -> None:
    for number in (1, 2):
        device = tmp_path / f"usb{number}"
        device.mkdir()
        (keys / f"private/targets-{number}.pem").rename(device / f"targets-{number}.pem")
    assert run(*build, "--keys", keys).exit_code == 1
    said(*build, "--keys", keys, "--private", tmp_path / "usb1", "--private", tmp_path / "usb2")
    said("verify", tmp_path / "x.ospi", "--root", keys / "root.json")
    assert run(*build, "--keys", keys).exit_code == 1  # an option of one command is not the next one's


def published(tmp_path: Path, keys: Path, repository: Repository, count: int, size: int) -> None:
    for number in range(count):
        tree = archives.make_tree(tmp_path / f"tree{number}", {"data": os.urandom(size)})
        file = archives.build_archive(
            tmp_path / f"{number}.ospi", keys, tree, version=f"11.{number}.0", notice=archives.NOTICE
        )
        said("publish", file, "--repository", repository.folder, "--keys", keys)


def changed_keys(tmp_path: Path, keys: Path, repository: Repository, count: int, size: int = 1000) -> float:
    """Seconds of processor that signing `count` archives anew took, after the keys that signed them were replaced."""
    published(tmp_path, keys, repository, count, size)
    rotated = said("rotate-root", "--repository", repository.folder, "--keys", keys, "--role", "targets=2/2")
    assert rotated.count("mis de côté") >= count
    assert "DÉFAUT" not in run("doctor", "--repository", repository.folder, "--keys", keys).output
    before = time.process_time()
    assert said("resign", "--repository", repository.folder, "--keys", keys).count("signé de nouveau") == count
    return time.process_time() - before


def test_published_archives_are_signed_anew_after_a_change_of_keys(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    changed_keys(tmp_path, keys, repository, 3)
    assert versions(hospital.check(server)) == ["11.0.0", "11.1.0", "11.2.0"]
    for path in repository.targets.glob("*/*.ospi"):
        said("verify", path, "--root", keys / "root.json")
    assert "dépôt en bon état" in said("doctor", "--repository", repository.folder, "--keys", keys, "--deep")
    assert run("resign", "--repository", repository.folder, "--keys", keys).exit_code == 1


@pytest.mark.full
def test_fifty_archives_are_signed_anew_within_a_minute(tmp_path: Path, keys: Path, repository: Repository) -> None:
    assert changed_keys(tmp_path, keys, repository, 50, 5_000_000) < 60


def test_an_archive_that_was_never_the_vendors_is_not_signed_anew(tmp_path: Path, keys: Path) -> None:
    tree = archives.make_tree(tmp_path / "tree")
    good = archives.build_archive(tmp_path / "good.ospi", keys, tree)
    foreign = archives.foreign_key(good, tmp_path / "foreign.ospi")
    before = foreign.read_bytes()
    refused = run("resign", foreign, "--keys", keys)
    assert refused.exit_code == 1
    assert foreign.read_bytes() == before


def test_what_was_never_signed_is_not_an_archive_to_sign(tmp_path: Path, keys: Path) -> None:
    (tmp_path / "x").write_bytes(layout.END)
    refused = run("sign", tmp_path / "x", "--key", keys / "private/targets-1.pem")
    assert refused.exit_code == 1
    assert "ni une archive" in refused.output
