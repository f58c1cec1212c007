"""import-linter's contracts in `setup.cfg` notice what they say they forbid."""

import configparser
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


MUTANTS = [
    ("domain", "domain/words", "os"),
    ("domain", "domain/words", "ospi_supervisor.system"),
    ("layers", "system/files", "ospi_supervisor.domain.words"),
    ("layers", "system/mounts", "ospi_supervisor.config.tables"),
    ("layers", "store/database", "ospi_supervisor.engine"),
    ("layers", "store/database", "ospi_supervisor.publisher"),
    ("layers", "operations/requests", "ospi_supervisor.web"),
    ("layers", "bootstrap/worker", "ospi_supervisor.commands"),
    ("layers", "hands/sandbox", "ospi_supervisor.config.tables"),
    ("archive-store", "archive/reader", "ospi_supervisor.config.tables"),
    ("archive-store", "store/database", "ospi_supervisor.config.tables"),
    ("feed-publisher", "feed/catalogue", "ospi_supervisor.store.database"),
    ("feed-publisher", "publisher/build", "ospi_supervisor.store.database"),
    ("phases", "phases/stage", "ospi_supervisor.store.database"),
    ("engine", "engine/requests", "ospi_supervisor.platform.machine"),
    ("engine", "engine/requests", "smtplib"),
    ("notifications", "worker/notifications", "ospi_supervisor.platform.machine"),
    ("done", "worker/nightly", "ospi_supervisor.operations.requests"),
    ("done", "administration/service", "ospi_supervisor.operations.requests"),
    ("uploads", "operations/uploads", "ospi_supervisor.feed.catalogue"),
    ("wall", "operations/requests", "ospi_supervisor.phases.base"),
    ("wall", "operations/requests", "ospi_supervisor.worker.router"),
    ("wall", "operations/requests", "ospi_supervisor.deployment.adapters"),
    ("wall", "web/pages", "ospi_supervisor.engine.requests"),
    ("wall", "web/pages", "ospi_supervisor.hands.sandbox"),
    ("wall-jobs", "jobs/queue", "ospi_supervisor.engine.requests"),
    ("wall-shell", "commands/updates", "ospi_supervisor.backup.snapshots"),
    ("wall-shell", "commands/updates", "ospi_supervisor.worker.router"),
    ("views", "web/pages", "ospi_supervisor.archive.reader"),
    ("views", "cli", "ospi_supervisor.platform.machine"),
    ("publisher", "bootstrap/worker", "ospi_supervisor.publisher"),
    ("publisher", "cli", "ospi_supervisor.publisher"),
]
"""Which contract an import breaks: each contract has one at least."""


def contracts() -> dict[str, str]:
    """What `setup.cfg` says of each contract."""
    parser = configparser.ConfigParser()
    parser.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    prefix = "importlinter:contract:"
    return {name.removeprefix(prefix): parser[name]["name"] for name in parser.sections() if name.startswith(prefix)}


def test_each_contract_is_broken_once() -> None:
    assert {contract for contract, _, _ in MUTANTS} == set(contracts())


@pytest.mark.parametrize(("contract", "importer", "imported"), MUTANTS)
def test_a_forbidden_import_is_noticed(copy: Path, contract: str, importer: str, imported: str) -> None:
    module = copy / "ospi_supervisor" / f"{importer}.py"
    former = module.read_text()
    module.write_text(f"{former}\nimport {imported}\n")
    try:
        result = lint(copy)
    finally:
        module.write_text(former)
    assert result.returncode == 1
    said = " ".join(result.stdout.split())
    assert f"{contracts()[contract]} BROKEN" in said
    assert importer.replace("/", ".") in said


def test_a_new_part_needs_a_place(copy: Path) -> None:
    module = copy / "ospi_supervisor" / "novelty.py"
    module.touch()
    try:
        result = lint(copy)
    finally:
        module.unlink()
    assert result.returncode == 1
    assert "novelty" in result.stdout
