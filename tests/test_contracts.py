"""import-linter's contracts in `setup.cfg` notice what they say they forbid."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its contracts, to be altered."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copy(REPOSITORY / "setup.cfg", copy)
    shutil.copytree(REPOSITORY / "ospi_supervisor", copy / "ospi_supervisor")
    return copy


def lint(copy: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=copy, capture_output=True, text=True, check=False, timeout=60)


def test_the_package_keeps_its_contracts(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("domain/words", "os"),
        ("domain/words", "ospi_supervisor.files"),
        ("domain/words", "ospi_supervisor.mounts"),
        ("files", "ospi_supervisor.domain"),
        ("mounts", "ospi_supervisor.config"),
        ("archive/reader", "ospi_supervisor.config"),
        ("store/database", "ospi_supervisor.engine"),
        ("store/database", "ospi_supervisor.publisher"),
        ("phases/stage", "ospi_supervisor.store"),
        ("engine/desk", "ospi_supervisor.platform"),
        ("engine/desk", "ospi_supervisor.mail"),
        ("mail/report", "ospi_supervisor.platform"),
        ("automatic/nightly", "ospi_supervisor.backup"),
        ("uploads", "ospi_supervisor.feed"),
        ("operations", "ospi_supervisor.phases"),
        ("operations", "ospi_supervisor.publisher"),
        ("operations", "ospi_supervisor.web"),
        ("web/pages", "ospi_supervisor.uploads"),
        ("publisher/build", "ospi_supervisor.store"),
        ("bootstrap", "ospi_supervisor.publisher"),
        ("bootstrap", "ospi_supervisor.commands"),
        ("cli", "ospi_supervisor.publisher"),
    ],
)
def test_a_forbidden_import_is_noticed(copy: Path, importer: str, imported: str) -> None:
    module = copy / "ospi_supervisor" / f"{importer}.py"
    former = module.read_text()
    module.write_text(f"{former}\nimport {imported}\n")
    try:
        result = lint(copy)
    finally:
        module.write_text(former)
    assert result.returncode == 1
    assert importer.replace("/", ".") in result.stdout


def test_a_new_part_needs_a_place(copy: Path) -> None:
    module = copy / "ospi_supervisor" / "novelty.py"
    module.touch()
    try:
        result = lint(copy)
    finally:
        module.unlink()
    assert result.returncode == 1
    assert "novelty" in result.stdout
