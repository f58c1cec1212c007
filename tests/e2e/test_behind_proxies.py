"""The demonstration's update behind the real nginx and the real Apache, with the configurations that are printed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
import pytest
import requests
from playwright.sync_api import Page, expect
from tusclient import client as tus

from tests.e2e.conftest import check_suivi_showed_every_phase, record_states, sign_in
from tests.support.demo import Client, begin_uploaded, wait_for
from tests.support.deployment import Deployment
from tests.support.releases import changed_release
from tests.support.stream import Received, Stream
from tests.support.watch import watching, without_repeats

pytestmark = pytest.mark.system

SLICE_BYTES = 8 * 1024 * 1024
LIVE_SECONDS = 1.0
"""How late an event may come at a follower's."""
FROZEN_SECONDS = 1.0
ASKED_A_SECOND = 50
"""At least, of the hundred that are meant: this machine does other things too."""


@pytest.fixture(params=["nginx", pytest.param("apache", marks=pytest.mark.full)])
def site(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A server on release 11.5.0, in a folder where the proxy's account can look at the flag and read the page.

    pytest's own folders are for their owner only, and each run of pytest makes them so again.
    """
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        site = Deployment(Path(folder), request.param)
        try:
            site.start()
            yield site
        finally:
            site.stop()


def test_users_see_the_old_platform_the_page_then_the_new_one(site: Deployment, page: Page, tmp_path: Path) -> None:
    client = Client(site)
    page.goto(f"{site.url}/superviseur/mises-a-jour/suivi")
    sign_in(page, site)
    large = changed_release(site.layout, tmp_path, {"ressources/carte.bin": Random(1).randbytes(3 * SLICE_BYTES)})
    began = time.monotonic()
    with watching(site.url) as seen:
        update_id = begin_uploaded(client, upload_by_tus(client, large))
        page.goto(f"{site.url}/superviseur/mises-a-jour/suivi?update={update_id}")
        record_states(page)
        stream = Stream(client, update_id)
        client.wait_for_phase(update_id, "migrate")
        with frozen(site):
            check_the_page_alone(site)
        assert client.wait_until_final(update_id)["status"] == "succeeded"
        wait_for("the new platform", lambda: seen[-1] == "11.6.0")
    assert len(seen) > ASKED_A_SECOND * (time.monotonic() - began)
    stream.join(30)

    assert without_repeats(seen) == ["11.5.0", "page", "11.6.0"]
    check_it_was_live(stream)
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no")
    check_suivi_showed_every_phase(page)

    site.cli("maintenance", "on")
    site.kill_python()
    check_the_page_alone(site)


def upload_by_tus(client: Client, archive: Path) -> str:
    """Send it with the protocol's official client, in the largest slices; the upload's identifier."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.http.cookies.items())
    headers = {"Cookie": cookies, "X-CSRFToken": str(client.http.headers["X-CSRFToken"])}
    address = f"{client.base}/mises-a-jour/televersements"
    with archive.open("rb") as file:
        uploader = tus.TusClient(address, headers=headers).uploader(
            file_stream=file, chunk_size=SLICE_BYTES, metadata={"filename": archive.name}
        )
        uploader.upload()
    assert archive.stat().st_size > 3 * SLICE_BYTES
    return str(uploader.url).rsplit("/", 1)[1]


@contextmanager
def frozen(site: Deployment) -> Iterator[None]:
    """Every process of the supervisor's and every hook stopped; the worker first, so that the web process can send
    all that the worker wrote."""
    processes = site.python()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
        time.sleep(0.2)
    try:
        yield
        time.sleep(FROZEN_SECONDS)
    finally:
        for process in reversed(processes):
            with suppress(psutil.NoSuchProcess):  # a hand whose own parent, stopped later, had done with it
                process.resume()


def check_the_page_alone(site: Deployment) -> None:
    """The maintenance page is at every address, for every method."""
    for method in ("GET", "POST", "HEAD"):
        answer = requests.request(method, f"{site.url}/a/deep/address", timeout=10)
        assert answer.status_code == 503
        assert answer.headers["X-OSPI-Maintenance"] == "1"
        assert answer.headers["Retry-After"].isdigit()
        assert answer.headers["Cache-Control"] == "no-store"
        assert ("Mise à jour en cours" in answer.content.decode()) is (method != "HEAD")


def check_it_was_live(stream: Stream) -> None:
    """One connection from the beginning to the end, and events as they happened (one in twenty may be later: this
    machine does other things too)."""
    assert stream.connections == 1
    assert stream.events[-1].kind == "end"
    since_connected: list[Received] = [event for event in stream.events if event.number > stream.events[0].number + 3]
    late = [event for event in since_connected if event.delay > LIVE_SECONDS]
    assert len(late) <= len(since_connected) / 20, late
