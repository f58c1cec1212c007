"""What takes long passes the printed limits: gigabytes in slices, events for longer than any time-out."""

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.proxies import KINDS
from tests.platform.proxied import running_site, supervisor_behind
from tests.support.archives import build_archive, make_tree
from tests.support.site import Archives
from tests.support.web_process import WebProcess

pytestmark = [pytest.mark.full, pytest.mark.system]

MIB = 1024 * 1024
SLICE = 8 * MIB
SENT_BYTES = 2000 * MIB
SHORT_SECONDS = 20
"""In the place of the hour and the minutes that proxies wait for an answer's next byte: twice a stream's heartbeat."""
FOLLOWED_SECONDS = 3 * SHORT_SECONDS


def shortened(printed: str) -> str:
    """The same limits, in less time."""
    return re.sub(
        r"(_timeout |imeout(?: client| server)?[ =]|[Ii]dle )(?:(1h|300s|60s|2m)|3600|300)\b",
        lambda found: f"{found[1]}{SHORT_SECONDS}{'s' if found[2] else ''}",
        printed,
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, archives: Archives) -> Path:
    """A good archive of two gigabytes that no compression makes smaller."""
    folder = tmp_path_factory.mktemp("large")
    tree = make_tree(folder / "tree")
    with (tree / "blob").open("wb") as file:
        for _ in range(SENT_BYTES // (50 * MIB)):
            file.write(random.randbytes(50 * MIB))
    return build_archive(folder / "large.ospi", archives.root.parent, tree)


@pytest.fixture(params=KINDS)
def web(request: pytest.FixtureRequest, tmp_path: Path, platform: str, archives: Archives) -> Iterator[WebProcess]:
    with (
        running_site(request.param, change=shortened) as server,
        supervisor_behind(server, tmp_path, platform, archives) as web,
    ):
        yield web


def test_two_gigabytes_pass(web: WebProcess, large: Path) -> None:
    session = web.session()
    size = large.stat().st_size
    tus = {"Tus-Resumable": "1.0.0"}
    created = session.post(f"{web.url}/mises-a-jour/televersements", headers=tus | {"Upload-Length": str(size)})
    assert created.status_code == 201, created.text
    url = requests.compat.urljoin(f"{web.url}/", created.headers["Location"])
    headers = tus | {"Content-Type": "application/offset+octet-stream"}
    with large.open("rb") as file:
        while data := file.read(SLICE if file.tell() else MIB):
            offset = str(file.tell() - len(data))
            answer = session.patch(url, data=data, headers=headers | {"Upload-Offset": offset}, timeout=300)
            assert answer.status_code == 204, answer.text
    document = session.get(f"{web.url}/api/uploads/{url.rpartition('/')[2]}", timeout=300).json()
    assert (document["offset"], document["reasons"]) == (size, [])


def test_a_stream_outlives_every_time_out(web: WebProcess) -> None:
    session, number = web.session(), web.site.update()
    address = f"{web.url}/api/updates/{number}/events"
    with session.get(address, headers={"Accept": "text/event-stream"}, stream=True, timeout=60) as stream:
        ends, beats = time.monotonic() + FOLLOWED_SECONDS, 0
        lines = stream.iter_lines(chunk_size=1)
        for line in lines:
            beats += line == b"event: beat"
            if time.monotonic() > ends:
                break
        assert beats >= 3
        web.site.event(number, "log", Phase.STAGE, level="info", message="encore ici")
        assert any(b"encore ici" in line for line in lines)
