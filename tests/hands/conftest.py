"""Folders that other accounts can reach."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Pytest's own lie below a folder that every session closes to other accounts when it begins."""
    with tempfile.TemporaryDirectory(prefix="ospi-mains-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
