"""A PostgreSQL server for the hospitals of these tests; and small platforms, each in a folder its account can enter."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.rehearsal.portal import Portal, portal
from tests.rehearsal.site import Site, site_in, usual_account
from tests.support.memory_disk import lasting
from tests.support.postgres import QUICK, Postgres, postgres_server
from tests.support.system import require_program

MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with TemporaryDirectory(prefix="ospi-pg-") as name:  # a socket's path is short
        Path(name).chmod(0o711)
        with postgres_server(Path(name) / "pg", QUICK) as server:
            yield server


@pytest.fixture(scope="session")
def hospital(postgres: Postgres) -> Iterator[Portal]:
    with portal(postgres, "pmsi") as found:
        yield found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a reboot would keep."""
    require_program("bwrap")
    made = Path(tempfile.mkdtemp(prefix="ospi-repetition-", dir=lasting()))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def make_site(folder: Path) -> Iterator[MakeSite]:
    """Makes platforms that serve."""
    with ExitStack() as stack:

        def make(account: str | None = usual_account(), **settings: Any) -> Site:
            return stack.enter_context(site_in(folder, account, **settings))

        yield make
