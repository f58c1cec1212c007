"""PostgreSQL's programs are started themselves, and not by Debian's wrapper, which takes longer than they do."""

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
    for version in ("9.6", "9", "15", "16"):
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
    for version in ("9", "15"):
        (tmp_path / "versions" / version / "bin" / "psql").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setattr(psql, "_WRAPPER", str(wrapper))
    monkeypatch.setattr(psql, "_OF_DEBIAN", tmp_path / "versions")
    return tmp_path


def test_the_newest_that_has_the_program_is_started_in_the_wrappers_place(machine: Path) -> None:
    assert psql.program_of("psql") == str(machine / "versions/15/bin/psql")


def test_what_is_no_wrapper_is_started_as_it_is_found(machine: Path) -> None:
    assert psql.program_of("pg_restore") == "pg_restore"


def test_where_the_wrapper_stands_for_nothing_it_is_started_and_says_so(machine: Path) -> None:
    assert psql.program_of("pg_dump") == "pg_dump"


def test_what_is_not_there_is_looked_for_and_named_by_its_start(machine: Path) -> None:
    assert psql.program_of("pg_basebackup") == "pg_basebackup"
