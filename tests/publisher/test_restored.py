"""A repository restored from yesterday's copy: said at the next command, mended by one, and followed again."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.doctor import examine
from ospi_supervisor.publisher.keys import init_keys
from ospi_supervisor.publisher.publication import publish, refresh, withdraw
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.publisher.rotation import Scheme, rotate_root
from tests.support.archives import PRODUCT
from tests.support.hospital import NOW, Hospital, archive, versions
from tests.support.http_server import Server, serving


def doctor(repository: Repository, keys: Path, *more: str) -> Result:
    words = ["doctor", "--repository", str(repository.folder), "--keys", str(keys), *more]
    return CliRunner().invoke(main, words)


def restore(repository: Repository, copy: Path) -> None:
    shutil.rmtree(repository.folder)
    shutil.copytree(copy, repository.folder)


@pytest.mark.parametrize(
    "command",
    [
        lambda repository, keys, file: refresh(repository, keys, NOW),
        lambda repository, keys, file: publish(repository, keys, file, NOW),
        lambda repository, keys, file: withdraw(repository, keys, PRODUCT, "11.6.0", NOW),
        lambda repository, keys, file: rotate_root(repository, keys, {"timestamp": Scheme(1, 1)}, NOW),
    ],
    ids=["refresh", "publish", "withdraw", "rotate-root"],
)
def test_the_next_command_says_it(
    tmp_path: Path, keys: Path, repository: Repository, command: Callable[[Repository, Path, Path], object]
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    shutil.copytree(repository.folder, tmp_path / "yesterday")
    refresh(repository, keys, NOW)
    restore(repository, tmp_path / "yesterday")
    with pytest.raises(RefusedError, match=r"revenu en arrière.*doctor --repair"):
        command(repository, keys, archive(tmp_path, keys, "11.7.0"))


def test_one_command_mends_it_for_clients_at_each_of_the_last_roots(
    tmp_path: Path, keys: Path, repository: Repository, server: Server
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    hospitals = []
    for number in range(5):
        hospital = Hospital((keys / "root.json").read_bytes(), tmp_path / f"hospital{number}")
        hospital.check(server)
        hospitals.append(hospital)
        if number == 2:
            shutil.copytree(repository.folder, tmp_path / "yesterday")
        rotate_root(repository, keys, {"timestamp": Scheme(1, 1), "root": Scheme(2, 2)}, NOW)
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    for hospital in hospitals:
        assert versions(hospital.check(server)) == ["11.6.0", "11.7.0"]
    restore(repository, tmp_path / "yesterday")

    told = doctor(repository, keys)
    assert told.exit_code == 1
    assert "revenu en arrière" in told.output
    assert "11.7.0.ospi y était publié, et n'y est plus" in told.output
    mended = doctor(repository, keys, "--repair")
    assert "signé de nouveau" in mended.output
    assert "11.7.0.ospi y était publié" in mended.output
    for hospital in hospitals:
        assert versions(hospital.check(server)) == ["11.6.0"]
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    assert doctor(repository, keys).exit_code == 0
    for hospital in hospitals:
        assert versions(hospital.check(server)) == ["11.6.0", "11.7.0"]


def test_two_repositories_of_one_vendor_are_told_apart(tmp_path: Path, keys: Path) -> None:
    places = [Repository(tmp_path / name) for name in ("one", "two")]
    for place in places:
        publish(place, keys, archive(tmp_path, keys), NOW)
    for _ in range(3):
        refresh(places[0], keys, NOW)
    refresh(places[1], keys, NOW)
    assert all(examine(place, keys, NOW) == [] for place in places)


@pytest.mark.parametrize(
    ("spoil", "days", "words", "is_fault"),
    [
        (lambda place, _: next(place.targets.glob("*/*.ospi")).unlink(), 0, "son fichier manque", True),
        (lambda place, _: next(place.targets.glob("*/*.ospi")).write_bytes(b"x"), 0, "n'est pas le fichier", True),
        (lambda place, _: (place.metadata / "2.snapshot.json").unlink(), 0, "manque", True),
        (lambda place, _: (place.metadata / "timestamp.json").write_bytes(b"{}"), 0, "n'est pas signé", True),
        (lambda place, _: None, 8, "« timestamp » ont expiré le", True),
        (lambda place, _: None, 5, "« timestamp » expirent le", False),
        (lambda place, _: None, 366, "« targets » ont expiré le", True),
        (lambda place, keys: (keys / "seen.json").write_bytes(b"x"), 0, "est abîmé", True),
    ],
)
def test_what_is_wrong_is_told_with_its_cure(
    tmp_path: Path,
    keys: Path,
    repository: Repository,
    spoil: Callable[[Repository, Path], object],
    days: int,
    words: str,
    is_fault: bool,
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    spoil(repository, keys)
    found = examine(repository, keys, NOW + timedelta(days=days))
    told = [finding for finding in found if words in finding.problem]
    assert [(finding.is_fault, bool(finding.cure)) for finding in told] == [(is_fault, True)]


def test_a_file_that_only_its_bytes_betray_is_found_by_reading_them(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    path = next(repository.targets.glob("*/*.ospi"))
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    assert doctor(repository, keys).exit_code == 0
    assert doctor(repository, keys, "--deep").exit_code == 1


def test_refresh_fails_where_clients_refuse_the_repository_all_the_same(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    with pytest.raises(RefusedError, match="« targets » ont expiré le"):
        refresh(repository, keys, NOW + timedelta(days=366))


def test_the_journal_tells_who_did_what_and_that_nobody_changed_it(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    rotate_root(repository, keys, {"timestamp": Scheme(1, 1)}, NOW)
    withdraw(repository, keys, PRODUCT, "11.7.0", NOW)
    words = ["journal", "--repository", str(repository.folder), "--keys", str(keys)]
    told = CliRunner().invoke(main, words).output.splitlines()
    assert [line.split("  ")[2] for line in told] == ["publish", "publish", "rotate-root", "withdraw"]
    path = repository.folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for spoilt in (lines[:1] + lines[2:], [lines[0].replace(b"11.6.0", b"11.6.1"), *lines[1:]], lines[1:]):
        path.write_bytes(b"".join(spoilt))
        assert CliRunner().invoke(main, words).exit_code == 1


def test_a_key_folder_that_was_restored_too_asks_a_copy(
    tmp_path: Path, keys: Path, repository: Repository, hospital: Hospital
) -> None:
    """The whole server was: nothing there remembers, the vendor's other server does."""
    publish(repository, keys, archive(tmp_path, keys), NOW)
    for folder in (repository.folder, keys):
        shutil.copytree(folder, tmp_path / f"{folder.name}-yesterday")
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    shutil.copytree(repository.folder, tmp_path / "other")
    with serving(tmp_path / "other") as other:
        assert versions(hospital.check(other)) == ["11.6.0", "11.7.0"]
        restore(repository, tmp_path / f"{repository.folder.name}-yesterday")
        shutil.copy(tmp_path / f"{keys.name}-yesterday" / "seen.json", keys)
        assert doctor(repository, keys).exit_code == 0
        told = doctor(repository, keys, "--public", other.url)
        assert (told.exit_code, "revenu en arrière" in told.output) == (1, True)
        assert "11.7.0.ospi y était publié" in told.output
        assert "signé de nouveau" in doctor(repository, keys, "--public", other.url, "--repair").output
    with serving(repository.folder) as mended:
        assert versions(hospital.check(mended)) == ["11.6.0"]


def test_an_address_that_is_not_this_vendors_is_refused_in_one_line(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    stranger = Repository(tmp_path / "stranger")
    others = tmp_path / "others"
    init_keys(others, NOW)
    publish(stranger, others, archive(tmp_path, others, "12.0.0"), NOW)
    page = tmp_path / "page"
    shutil.copytree(repository.folder, page)
    (page / "metadata" / "timestamp.json").write_text("<html>Bienvenue</html>")
    for place, words in ((stranger.folder, "n'est pas celui de ce dossier de clés"), (page, "n'est pas un dépôt")):
        refused = doctor(repository, keys, "--public", str(place))
        assert (refused.exit_code, refused.output.count("\n")) == (1, 1), refused.output
        assert words in refused.output
