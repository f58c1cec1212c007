"""A web filter that lets only GET and POST pass: an archive goes up all the same, and nobody is blamed."""

import http.client
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PATIENCE_MS
from tests.support import archives as building
from tests.support.site import Archives
from tests.support.web_process import WebProcess
from tests.web.browsing import choose, sign_in

REFUSAL = b"<html>Methode interdite par la politique de securite</html>"
HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "date", "server", "accept-encoding")


class Filter(BaseHTTPRequestHandler):
    """Passes GET and POST on to `behind`, and answers everything else itself."""

    protocol_version = "HTTP/1.1"
    behind = 0
    refused: list[str]

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command not in ("GET", "POST"):
            self.refused.append(self.command)
            self.give(403, {"Content-Type": "text/html"}, REFUSAL)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=600)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        self.give(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def give(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_HEAD = do_DELETE = do_OPTIONS = pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def refused(web: WebProcess) -> Iterator[tuple[str, list[str]]]:
    """The supervisor's address behind the filter, and the methods that it refused."""
    methods: list[str] = []
    handler = type("TheFilter", (Filter,), {"behind": web.port, "refused": methods})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield web.url.replace(str(web.port), str(server.server_address[1])), methods
    server.shutdown()
    server.server_close()
    thread.join()


def goes_through(browser: Browser, address: str, archive: Path) -> Page:
    page = browser.new_context(locale="fr-FR").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/mises-a-jour/import")
    sign_in(page)
    page.wait_for_url("**/mises-a-jour/import")
    said: list[str] = []
    page.expose_function("tell", lambda text: said.append(text))
    page.evaluate(
        "new MutationObserver(() => tell(document.body.innerText)).observe(document.getElementById('envoi-etat'),"
        " { childList: true, characterData: true, subtree: true })"
    )
    choose(page, archive)
    expect(page.locator("#envoi-etat")).to_have_text("Reçu en entier")
    expect(page.locator("#import-form")).to_be_visible()
    assert not any("autre compte" in text or "changer de compte" in text for text in said)
    return page


def test_an_archive_goes_up_by_get_and_post_alone(
    browser: Browser, refused: tuple[str, list[str]], archives: Archives, web: WebProcess
) -> None:
    address, methods = refused
    page = goes_through(browser, address, archives.large)
    assert methods == ["PATCH"]  # once: from then on it is said in a header
    (upload,) = web.site.operations.web.uploads()
    assert upload.complete
    page.context.close()


@pytest.mark.full
def test_two_hundred_megabytes_go_up_by_get_and_post_alone(
    browser: Browser, refused: tuple[str, list[str]], archives: Archives, tmp_path: Path
) -> None:
    keys = archives.root.parent
    tree = building.make_tree(tmp_path / "tree", dict(building.TREE) | {"blob": os.urandom(200_000_000)})
    archive = building.build_archive(tmp_path / "large.ospi", keys, tree)
    address, methods = refused
    goes_through(browser, address, archive).context.close()
    assert methods == ["PATCH"]
