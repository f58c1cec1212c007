"""PostgreSQL's programs are started themselves, and not by Debian's wrapper, which takes longer than they do."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ospi_supervisor.backup import psql


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs are found in `bin`, the wrapper's two in the place of PostgreSQL's."""
    wrapper, place = tmp_path / "pg_wrapper", tmp_path / "bin"
    place.mkdir()
    for path in (wrapper, place / "pg_restore"):
        path.touch(mode=0o755)
    for name in ("psql", "pg_dump"):
        (place / name).symlink_to(wrapper)
    for version in ("15", "17"):
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
    (tmp_path / "versions/15/bin/psql").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setattr(psql, "_WRAPPER", str(wrapper))
    monkeypatch.setattr(psql, "_OF_DEBIAN", tmp_path / "versions")
    return tmp_path


def test_the_only_version_is_started_in_the_wrappers_place(machine: Path) -> None:
    assert psql.program_of("psql") == str(machine / "versions/15/bin/psql")


def test_of_several_versions_the_wrapper_chooses(machine: Path) -> None:
    (machine / "versions/17/bin/psql").touch(mode=0o755)
    assert psql.program_of("psql") == "psql"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://role@127.0.0.1:5433/base", True),
        ("postgresql:///base?host=/run/pg", True),
        ("postgresql://role@/base", False),
        ("postgresql:///base", False),
    ],
)
def test_where_the_address_names_no_server_the_wrapper_finds_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch, url: str, named: bool
) -> None:
    started: list[str] = []

    def run(command: Sequence[str], *_: object, **__: object) -> str:
        started.append(command[0])
        return ""

    monkeypatch.setattr(psql, "run", run)
    psql.Client("base", url, None).ask("SELECT 1;")
    assert started == [str(machine / "versions/15/bin/psql") if named else "psql"]


def test_what_is_no_wrapper_is_started_as_it_is_found(machine: Path) -> None:
    assert psql.program_of("pg_restore") == "pg_restore"


def test_where_the_wrapper_stands_for_nothing_it_is_started_and_says_so(machine: Path) -> None:
    assert psql.program_of("pg_dump") == "pg_dump"


def test_what_is_not_there_is_looked_for_and_named_by_its_start(machine: Path) -> None:
    assert psql.program_of("pg_basebackup") == "pg_basebackup"
