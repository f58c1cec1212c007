"""What a look finds before anything changes: each refuses as a prerequisite, in words that say what to do."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.looks import asked_tools, interpreter_of, obstacles, obstacles_of_release
from ospi_supervisor.domain.prerequisites import Obstacle
from tests.platform.conftest import make_config
from tests.support.http_server import Handler, serving
from tests.support.system import let_others_in, require_root
from tests.support.tmpfs import small_disk

__all__ = ["make_config"]

NOW = datetime.now(UTC)


@pytest.fixture
def config(make_config: Callable[..., Config], tmp_path: Path) -> Config:
    config = make_config()
    for folder in (config.platform.root / "releases", *config.platform.data_dirs, config.maintenance.page_dir):
        folder.mkdir(parents=True, exist_ok=True)
    return config


def found(config: Config, **release: object) -> list[Obstacle]:
    facts = {"entries": 1, "interpreters": {}, "record": config.paths.records_dir / "11.5.0.record", "now": NOW}
    return [*obstacles(config), *obstacles_of_release(config, **(facts | release))]  # type: ignore[arg-type]


@contextmanager
def sealed(path: Path, attribute: str) -> Iterator[None]:
    subprocess.run(["chattr", f"+{attribute}", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{attribute}", path], check=True)


def test_a_server_that_is_fit_has_none_and_nothing_is_left_of_the_looks(config: Config) -> None:
    before = sorted(config.platform.root.rglob("*"))
    assert found(config) == []
    assert sorted(config.platform.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("url", "tools"),
    [
        ("sqlite:////srv/a.db", ["tar", "zstd"]),
        ("postgresql://u@h:5432/b", ["tar", "zstd", "pg_dump", "pg_restore"]),
        ("postgres://u@h:5432/b", ["tar", "zstd", "pg_dump", "pg_restore"]),
    ],
)
def test_each_engine_says_its_tools(make_config: Callable[..., Config], url: str, tools: list[str]) -> None:
    config = make_config(platform={"services": [], "databases": [{"name": "a", "url": url}]})
    assert asked_tools(config) == tools


@pytest.mark.parametrize("attribute", ["i", "a"])
@pytest.mark.parametrize("place", ["root", "releases", "page", "flag", "records", "backup"])
def test_folders_that_nobody_can_change(config: Config, place: str, attribute: str) -> None:
    require_root("attributes of files are set")
    folder = {
        "root": config.platform.root,
        "releases": config.platform.root / "releases",
        "page": config.maintenance.page_dir,
        "flag": config.maintenance.flag.parent,
        "records": config.paths.records_dir,
        "backup": config.backup.directory,
    }[place]
    folder.mkdir(parents=True, exist_ok=True)
    with sealed(folder, attribute):
        rules = {obstacle.label: obstacle.measured for obstacle in found(config)}
    assert rules[f"Écriture dans {folder}"] == f"protégé contre les changements (chattr -{attribute})"


@pytest.mark.parametrize("attribute", ["i", "a"])
def test_data_that_nobody_can_replace(config: Config, attribute: str) -> None:
    require_root("attributes of files are set")
    [folder] = config.platform.data_dirs
    with sealed(folder, attribute):
        [obstacle] = found(config)
    assert (obstacle.rule, obstacle.label) == ("data", f"Données de {folder}")


@pytest.mark.parametrize("place", ["releases", "data"])
def test_disks_that_are_read_only(config: Config, place: str) -> None:
    folder = config.platform.root / "releases" if place == "releases" else config.platform.data_dirs[0]
    with small_disk(folder, "4m"):
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        [obstacle] = found(config)
    assert obstacle.measured == "système de fichiers en lecture seule"
    assert str(folder) in obstacle.label
    assert "montage" in obstacle.remedy


def test_a_disk_without_inodes_for_the_release(config: Config) -> None:
    with small_disk(config.platform.root / "releases", "4m,nr_inodes=500"):
        (config.platform.root / "releases/a").mkdir()
    with small_disk(config.platform.root, "64m,nr_inodes=500"):
        (config.platform.root / "releases").mkdir()
        assert found(config, entries=300) == []
        [obstacle] = found(config, entries=2000)
    assert (obstacle.rule, obstacle.required) == ("inodes", "2100")


@pytest.mark.parametrize("name", ["flag", "index.html", "status.json", "hold", ".current.new"])
def test_something_else_in_the_place_of_a_file(config: Config, name: str) -> None:
    places = {
        "flag": config.maintenance.flag,
        "hold": config.paths.hold,
        ".current.new": config.platform.root / ".current.new",
    }
    path = places.get(name, config.maintenance.page_dir / name)
    path.mkdir(parents=True)
    [obstacle] = found(config)
    assert (obstacle.rule, obstacle.label) == ("kind", f"Fichier {path}")


def test_a_folder_of_the_page_that_is_a_file(config: Config) -> None:
    config.maintenance.page_dir.rmdir()
    config.maintenance.page_dir.touch()
    assert "n'est pas un dossier" in [obstacle.measured for obstacle in found(config)]


def test_an_account_that_does_not_exist(make_config: Callable[..., Config]) -> None:
    [obstacle] = found(make_config(platform={"account": "personne-ici"}), interpreters={"10-venv": "/bin/sh"})
    assert obstacle.rule == "account"
    assert "« personne-ici »" in obstacle.measured


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("/usr/bin/python9.9 -u", "/usr/bin/python9.9"),
        ("/usr/bin/env python9.9", "python9.9"),
        ("/usr/bin/env -S LANG=C python9.9 -u", "python9.9"),
        ("/bin/sh -e", None),
        ("/usr/bin/env sh", None),
        ("", None),
        ("venv/bin/python", None),
    ],
)
def test_interpreters_that_are_not_there(config: Config, line: str, missing: str | None) -> None:
    obstacles_found = found(config, interpreters={"10-venv": line})
    assert [obstacle.rule for obstacle in obstacles_found] == (["interpreter"] if missing else [])
    if missing:
        assert missing in obstacles_found[0].measured
        assert interpreter_of(line) == missing


def test_releases_that_the_platforms_account_cannot_reach(
    make_config: Callable[..., Config],
    tmp_path: Path,
) -> None:
    require_root("hooks run as another account")
    config = make_config(platform={"account": "nobody"})
    (config.platform.root / "releases").mkdir(parents=True)
    let_others_in(tmp_path)
    assert found(config, interpreters={"10-venv": "/bin/sh"}) == []
    config.platform.root.chmod(0o700)
    [obstacle] = found(config, interpreters={"10-venv": "/bin/sh"})
    assert obstacle.rule == "execution"
    assert found(config) == []  # without hooks nobody else enters


def test_releases_on_a_disk_that_runs_nothing(config: Config) -> None:
    with small_disk(config.platform.root, "8m,noexec"):
        (config.platform.root / "releases").mkdir()
        [obstacle] = found(config, interpreters={"10-venv": "/bin/sh"})
    assert "noexec" in obstacle.measured


def test_a_clock_far_behind_what_this_server_wrote(config: Config) -> None:
    record = config.paths.records_dir / "11.5.0.record"
    record.parent.mkdir(parents=True)
    record.touch()
    os.utime(record, (time.time(), time.time()))
    assert found(config, now=NOW - timedelta(days=1)) == []
    [obstacle] = found(config, now=NOW - timedelta(days=400))
    assert obstacle.rule == "clock"
    assert "Réglez l'horloge" in obstacle.remedy


@pytest.mark.parametrize(
    ("unit", "url", "refused"),
    [
        ("postgresql", "postgresql://u@h/b", True),
        ("postgresql-15.service", "postgresql://u@h/b", True),
        ("postgresql@15-main", "postgresql://u@h/b", True),
        ("pgbouncer", "postgresql://u@h/b", True),
        ("postgresql-exporter", "postgresql://u@h/b", False),
        ("portail", "postgresql://u@h/b", False),
        ("postgresql", "sqlite:////srv/a.db", False),
    ],
)
def test_the_databases_own_service_is_not_one_of_the_platforms(
    make_config: Callable[..., Config], unit: str, url: str, refused: bool
) -> None:
    """It is needed while the services are stopped."""
    services = [{"name": "base", "systemd": unit}]
    config = make_config(platform={"services": services, "databases": [{"name": "a", "url": url}]})
    rules = [obstacle.label for obstacle in obstacles(config) if obstacle.rule == "services"]
    assert rules == ([f"Service {unit.removesuffix('.service')}.service"] if refused else [])


@pytest.mark.parametrize("through_the_proxy", [True, False])
def test_health_is_asked_of_the_platform_and_not_of_its_proxy(
    make_config: Callable[..., Config], tmp_path: Path, through_the_proxy: bool
) -> None:
    """Which would answer by the maintenance page."""
    with serving(tmp_path) as server:

        def answer(handler: Handler) -> bool:
            own = through_the_proxy and handler.path.startswith("/superviseur")
            handler.answer(200, b"{}", {"X-OSPI-Supervisor": "1"} if own else {})
            return True

        server.behaviour = answer
        config = make_config(platform={"health_url": f"{server.url}/health"})
        assert [obstacle.rule for obstacle in found(config)] == (["health"] if through_the_proxy else [])
