"""A damaged database is one clear line that names the file; the support's bundle is made all the same."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import Shell
from tests.support.site import Site

Damage = Callable[[Path], None]


def no_database(path: Path) -> None:
    """Nothing of what it was."""
    path.write_bytes(b"plus une base" * 1000)


def torn(path: Path) -> None:
    """The first page is there, and with it the list of tables; what they hold is not."""
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def damage(path: Path, site: Site, how: Damage) -> Path:
    site.update()
    site.close()
    how(path)
    return path


def assert_one_line(shell: Shell, path: Path, command: tuple[str, ...]) -> None:
    result = shell(*command)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith(f"ospi-supervisor : la base {path} est endommagée (")
    assert "contactez le support" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("how", [no_database, torn])
@pytest.mark.parametrize("command", [("status",), ("history",), ("log", "1"), ("maintenance", "status")])
def test_a_damaged_engine_database(shell: Shell, site: Site, command: tuple[str, ...], how: Damage) -> None:
    assert_one_line(shell, damage(site.config.paths.engine_db, site, how), command)


@pytest.mark.parametrize("command", [("user", "list"), ("maintenance", "status"), ("backup", "create")])
def test_a_web_database_that_is_none(shell: Shell, site: Site, command: tuple[str, ...]) -> None:
    assert_one_line(shell, damage(site.config.paths.web_db, site, no_database), command)


def test_a_torn_web_database(shell: Shell, site: Site) -> None:
    assert_one_line(shell, damage(site.config.paths.web_db, site, torn), ("user", "list"))


def test_a_database_that_cannot_be_opened(shell: Shell, site: Site) -> None:
    site.close()
    path = site.config.paths.web_db
    path.unlink()
    path.mkdir()
    result = shell("user", "list")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"ospi-supervisor : la base {path} ne peut pas être lue (")


def test_a_damaged_queue_says_that_it_can_be_removed(shell: Shell, site: Site) -> None:
    path = site.config.paths.queue_db
    no_database(path)
    result = shell("user", "list")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"la file {path} ne peut pas être ouverte" in result.stderr
    path.unlink()
    assert shell("user", "list").exit_code == 0


def test_the_state_is_told_whatever_happened_to_what_is_asked(shell: Shell, site: Site) -> None:
    damage(site.config.paths.web_db, site, no_database)
    assert shell("status").stdout.startswith("portail-bi 11.5.0\n")


@pytest.mark.parametrize("how", [no_database, torn])
@pytest.mark.parametrize("name", ["engine", "web"])
def test_the_bundle_is_made_and_says_which_database_is_damaged(
    shell: Shell, site: Site, tmp_path: Path, name: str, how: Damage
) -> None:
    other = {"engine": "web", "web": "engine"}[name]
    damage(getattr(site.config.paths, f"{name}_db"), site, how)
    file = tmp_path / "diagnostic.zip"
    result = shell("diagnostics", file)
    assert result.exit_code == 0, result.output
    assert "support@ospi.fr" in result.stdout
    with zipfile.ZipFile(file) as archive:
        assert archive.read(f"base-{other}.txt") == b"ok"
        assert archive.read(f"base-{name}.txt") != b"ok"


def test_a_bundle_that_cannot_be_recorded_is_made_with_a_warning(shell: Shell, site: Site, tmp_path: Path) -> None:
    damage(site.config.paths.web_db, site, no_database)
    result = shell("diagnostics", tmp_path / "diagnostic.zip")
    assert result.exit_code == 0
    assert result.stderr.startswith("avertissement : ceci n'a pas pu être inscrit dans la traçabilité : la base ")
    assert result.stderr.count("\n") == 1
