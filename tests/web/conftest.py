"""One supervisor a test; the archives are built once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.site import Archives, Browser, Site, answering_platform, make_archives


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with answering_platform(tmp_path_factory.mktemp("platform")) as url:
        yield url


@pytest.fixture
def site(tmp_path: Path, platform: str, archives: Archives) -> Iterator[Site]:
    site = Site(tmp_path / "site", platform, archives.root)
    yield site
    site.close()


@pytest.fixture
def admin(site: Site) -> Browser:
    return site.browser()
