"""Adoption moves the platform's folder: wholly or not at all, and again after a cut."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.administration.service import Administration
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config
from ospi_supervisor.errors import ConfigurationError, PlatformError
from tests.platform.conftest import make_config

__all__ = ["make_config"]


@pytest.fixture
def administration(make_config: Callable[..., Config]) -> Administration:
    config = make_config()
    return Administration(config, make_adapters(config), lambda: nullcontext(), lambda: None, lambda: datetime.now(UTC))


@pytest.fixture
def current(administration: Administration) -> Path:
    folder = administration.config.platform.root / "current"
    folder.mkdir(parents=True)
    (folder / "VERSION").write_text("11.5.0")
    return folder


def test_a_link_that_cannot_be_made_leaves_the_platform_where_it_runs(
    administration: Administration, current: Path
) -> None:
    (current.parent / ".current.new").mkdir()
    with pytest.raises(PlatformError, match="impossible de faire mener"):
        administration.adopt("11.5.0")
    assert current.is_dir()
    assert not current.is_symlink()
    assert (current / "VERSION").read_text() == "11.5.0"
    (current.parent / ".current.new").rmdir()
    assert administration.adopt("11.5.0") == 1
    assert current.readlink() == Path("releases/11.5.0")


def test_one_that_was_cut_between_the_move_and_the_link_is_finished(
    administration: Administration, current: Path
) -> None:
    (current.parent / "releases").mkdir()
    current.rename(current.parent / "releases/11.5.0")
    with pytest.raises(ConfigurationError, match="il n'y a rien sous"):
        administration.adopt("11.4.0")
    administration.adopt("11.5.0")
    assert (current / "VERSION").read_text() == "11.5.0"


def test_a_file_in_its_place_is_refused(administration: Administration) -> None:
    root = administration.config.platform.root
    root.mkdir(parents=True)
    (root / "current").touch()
    with pytest.raises(ConfigurationError, match="ni un lien ni un dossier"):
        administration.adopt("11.5.0")
