"""How large a body each printed configuration lets through, and what becomes of the rest."""

import http.client
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import repeat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from playwright.sync_api import Browser, expect

from ospi_supervisor.domain.proxies import KINDS
from tests.platform.proxied import Site, running_site
from tests.support import site as supervisors
from tests.support.site import Archives
from tests.support.web_process import web_process
from tests.web.browsing import sign_in

pytestmark = pytest.mark.system

MIB = 1024 * 1024
FORM = "/superviseur/mises-a-jour/import"
SLICES = "/superviseur/mises-a-jour/televersements/abc"


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param) as site:
        yield site


@pytest.fixture
def site(server: Site) -> Site:
    server.supervisor.seen.clear()
    return server


@pytest.mark.parametrize(("method", "path", "size"), [("PATCH", SLICES, 8 * MIB), ("POST", FORM, 64 * MIB + 4096)])
def test_bodies_up_to_their_limit_reach_the_supervisor(site: Site, method: str, path: str, size: int) -> None:
    answer = site.ask(method, path, body=bytes(size))
    assert (answer.status, answer.data) == (200, str(size).encode())


def test_a_slice_beyond_the_limit_is_refused(site: Site) -> None:
    with suppress(urllib3.exceptions.ProtocolError):  # the server may close without reading what it refuses
        assert site.ask("PATCH", SLICES, body=bytes(10 * MIB)).status >= 400


def test_a_form_beyond_the_limit_is_taken_to_the_end_and_answered(site: Site) -> None:
    """Browsers read no answer before they have sent all, and none at all from a connection that was reset meanwhile."""
    mib = 1100 if site.kind == "apache" else 80  # by itself, Apache takes no more than 1 GiB
    with closing(http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=60)) as connection:
        connection.request("POST", FORM, repeat(bytes(MIB), mib), {"Content-Length": str(mib * MIB)})
        answer = connection.getresponse()
    if site.kind in ("caddy", "haproxy"):  # the supervisor answers, which keeps nothing of such a body
        assert (answer.status, len(site.supervisor.seen)) == (200, 1)
    else:
        assert answer.status == 303
        assert urlsplit(answer.headers["Location"]).path == f"{FORM}/trop-grand"
        assert site.supervisor.seen == []


def test_the_words_for_a_form_beyond_the_limit_are_the_supervisors(site: Site) -> None:
    assert site.ask("GET", f"{FORM}/trop-grand").status == 200
    assert site.supervisor.seen[0][1] == f"{FORM}/trop-grand"


@pytest.fixture
def web(site: Site, tmp_path: Path, platform: str, archives: Archives) -> Iterator[str]:
    """The import's address through the proxy, with the real web process behind it."""
    site.supervisor.stop()
    port = site.supervisor.port
    supervisor = supervisors.Site(tmp_path / "site", platform, archives.root, port=port)
    with web_process(supervisor, port):
        yield f"{site.url}{FORM}"
    supervisor.close()
    site.supervisor.start()


def test_a_browser_shows_what_to_do_with_too_large_a_form(web: str, browser: Browser, tmp_path: Path) -> None:
    """Without JavaScript, with which nothing is sent in one piece."""
    large = tmp_path / "large.ospi"
    with large.open("wb") as file:
        file.truncate(70 * MIB)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(web)
        sign_in(page)
        page.set_input_files("#archive", large)
        page.get_by_role("button", name="Envoyer le fichier").click()
        expect(page.get_by_text("« ospi-supervisor import FICHIER »")).to_be_visible()
        expect(page.get_by_text("la page l'envoie alors par tranches")).to_be_visible()
