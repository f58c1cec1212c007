"""Where a hospital lies, and a PostgreSQL server for those that have one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.memory_disk import lasting
from tests.support.postgres import Postgres, postgres_server


@pytest.fixture(scope="module")
def workspace() -> Iterator[Path]:
    """A folder that the platform's account can enter (pytest's own are private), and that a reboot would keep."""
    folder = Path(tempfile.mkdtemp(prefix="ospi-real-", dir=lasting()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One that keeps what it writes, as a hospital's does: so long do commits take."""
    with TemporaryDirectory(prefix="ospi-pg-") as name:  # a socket's path is short
        Path(name).chmod(0o711)
        with postgres_server(Path(name) / "pg", ()) as server:
            yield server
