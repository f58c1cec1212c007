"""The portal's trees, made once."""

from pathlib import Path

import pytest

from demo.samples import write_release


@pytest.fixture(scope="session")
def portal_trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The releases' trees by version, as packed in the sample archives. Read only."""
    folder = tmp_path_factory.mktemp("portal")
    for version in ("11.5.0", "11.5.8", "11.5.9", "11.6.0"):
        write_release(folder / version, version)
    return {path.name: path for path in folder.iterdir()}
