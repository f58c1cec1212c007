"""A PostgreSQL server for those hospitals that have one."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.postgres import Postgres, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One that keeps what it writes, as a hospital's does: so long do commits take."""
    with TemporaryDirectory(prefix="ospi-pg-") as name:  # a socket's path is short
        Path(name).chmod(0o711)
        with postgres_server(Path(name) / "pg", ()) as server:
            yield server
