"""A server of a hospital and the vendor's, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.publisher.keys import init_keys
from tests.support.automatic import House, a_house
from tests.support.hospital import NOW


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    init_keys(tmp_path / "keys", NOW)
    with a_house(tmp_path, tmp_path / "keys") as house:
        yield house
