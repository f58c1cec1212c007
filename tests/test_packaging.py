"""What is installed on a server: the wheel's contents; and the habits that `make` lists."""

import re
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from demo.layout import REPOSITORY
from distribution.wheels import build_own
from ospi_supervisor import __version__
from ospi_supervisor.web.manual import GUIDE, SERVED

MAPPED = ("jobs", "static", "templates", "maintenance_page")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, as `make dist` builds it."""
    return build_own(REPOSITORY, tmp_path_factory.mktemp("wheel"), __version__)


def names(wheel: Path) -> set[str]:
    """The wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_puts_nothing_but_the_package_in_site_packages(wheel: Path) -> None:
    top = {PurePosixPath(name).parts[0] for name in names(wheel)}
    assert top == {"ospi_supervisor", f"{wheel.name.split('-py3')[0]}.dist-info"}


@pytest.mark.parametrize("folder", MAPPED)
def test_the_folders_beside_the_package_are_mapped_whole_below_it(wheel: Path, folder: str) -> None:
    source = REPOSITORY / folder
    files = {path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert files
    assert {f"ospi_supervisor/{folder}/{path.relative_to(source).as_posix()}" for path in files} <= names(wheel)


def test_the_help_comes_with_the_program(wheel: Path) -> None:
    there = names(wheel)
    assert {f"ospi_supervisor/docs/{name}.md" for name in SERVED} <= there
    pictures = {PurePosixPath(name).name for name in there if name.startswith("ospi_supervisor/static/aide/")}
    guide = (REPOSITORY / "docs" / f"{GUIDE}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"static/aide/([^)]+)\)", guide)) <= pictures


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    package = REPOSITORY / "ospi_supervisor"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(REPOSITORY).as_posix() for path in files} <= names(wheel)


def test_any_wsgi_server_finds_the_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("ospi_supervisor/wsgi.py") == (REPOSITORY / "wsgi.py").read_bytes()


def test_both_commands_are_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        text = archive.read(entry).decode()
    assert "ospi-supervisor = ospi_supervisor.cli:main" in text
    assert "ospi-release = ospi_supervisor.publisher.cli:main" in text


def test_the_version_stands_in_one_place(wheel: Path) -> None:
    assert wheel.name.startswith(f"ospi_supervisor-{__version__}-py3-")
    sources = [REPOSITORY / "setup.cfg", REPOSITORY / "pyproject.toml"]
    assert [path.name for path in sources if __version__ in path.read_text(encoding="utf-8")] == []


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True).stdout
    for target in ("demo", "dist", "demo-reset", "test", "lint", "bench", "lock-check"):
        assert any(line.split()[:1] == [target] for line in listed.splitlines()), target


def test_the_changelog_is_grouped_by_kind() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert kinds
    assert set(kinds) <= {"Added", "Changed", "Fixed", "Security"}
    for version in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        before_first_kind = version.split("\n### ")[0]
        assert "\n- " not in before_first_kind
