"""Here the web process is started as a server starts it: what it weighs and what it has loaded are looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.site import Archives, Site
from tests.support.system import free_port
from tests.support.web_process import WebProcess, web_process


@pytest.fixture
def web(tmp_path: Path, platform: str, archives: Archives) -> Iterator[WebProcess]:
    port = free_port()
    site = Site(tmp_path / "site", platform, archives.root, port=port)
    with web_process(site, port) as running:
        yield running
    site.close()
