"""What is installed on a server: the wheel's contents; and the habits that `make` lists."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from demo.layout import REPOSITORY

SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "jobs", "static", "templates", "maintenance_page")
MAPPED = ("jobs", "static", "templates", "maintenance_page")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built as documented from a copy: building leaves files beside its sources."""
    checkout = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*SOURCES, "ospi_supervisor"):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy2(source, checkout / name)
    guide = (REPOSITORY / "docs" / "deploiement.md").read_text(encoding="utf-8")
    (arguments,) = re.findall(r"^/opt/ospi-supervisor/bin/pip (wheel .*)$", guide, re.MULTILINE)
    (installed,) = re.findall(r"^/opt/ospi-supervisor/bin/pip install .* \./(\S+\.whl)$", guide, re.MULTILINE)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments.split()]
    built = subprocess.run(pip, cwd=checkout, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    (found,) = checkout.glob(installed)
    return found


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


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    package = REPOSITORY / "ospi_supervisor"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(REPOSITORY).as_posix() for path in files} <= names(wheel)


def test_both_commands_are_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        text = archive.read(entry).decode()
    assert "ospi-supervisor = ospi_supervisor.cli:main" in text
    assert "ospi-release = ospi_supervisor.publisher.cli:main" in text


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True).stdout
    for target in ("demo", "demo-reset", "test", "lint", "bench"):
        assert any(line.split()[:1] == [target] for line in listed.splitlines()), target
