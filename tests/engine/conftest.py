"""A bench for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import Bench, close_databases


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)
    close_databases()
