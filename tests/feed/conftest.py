"""A vendor's repository over HTTP, and a client's state; tests that bend them otherwise make their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import Server, serving
from tests.support.vendor import Vendor


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    vendor = Vendor(tmp_path / "vendor")
    vendor.add("11.6.0", b"full")
    vendor.add("11.6.0", b"delta", base="11.5.0")
    vendor.publish()
    return vendor


@pytest.fixture
def server(vendor: Vendor) -> Iterator[Server]:
    with serving(vendor.folder) as server:
        yield server


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"
