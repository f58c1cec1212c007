"""What pages weigh on the way, and how long a browser may keep what."""

import gzip
import re
from pathlib import Path
from posixpath import dirname, normpath

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from ospi_supervisor.web.delivery import static_address
from tests.support.pages import PAGES
from tests.support.site import Browser, Site, now

KB = 1000
FIRST_VISIT, LATER = 100 * KB, 15 * KB
PATHS = ("connexion", *PAGES)
IN_PAGE = re.compile(r'(?:src|href)="(/superviseur/static/[^"#]+)')
LATER_ON = re.compile(r'<img[^>]* loading="lazy"[^>]*>')
"""Pictures of the guide, which are fetched when they come into sight."""

IN_SCRIPT = re.compile(r'(?:from|import) "(\./[^"]+)"')
GZIP = {"Accept-Encoding": "gzip"}


class Visitor:
    """A browser that keeps what it may, and weighs what comes."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.kept: set[str] = set()

    def weigh(self, path: str) -> int:
        """What this page costs with all that it needs and that is not kept yet, in bytes."""
        body, weight = self._fetch(f"/superviseur/{path}")
        wanted = IN_PAGE.findall(LATER_ON.sub("", body))
        while wanted:
            address = wanted.pop()
            if address in self.kept:
                continue
            self.kept.add(address)
            text, more = self._fetch(address)
            weight += more
            wanted += [normpath(f"{dirname(address)}/{name}") for name in IN_SCRIPT.findall(text)]
        return weight

    def _fetch(self, address: str) -> tuple[str, int]:
        answer = self.browser.client.get(address, headers=GZIP, buffered=True)
        assert answer.status_code == 200, address
        body = gzip.decompress(answer.data) if answer.headers.get("Content-Encoding") == "gzip" else answer.data
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers)
        return body.decode("utf-8", "replace"), len(answer.data) + head


def test_a_first_visit_and_later_pages_are_light(site: Site, admin: Browser) -> None:
    number = site.update()
    for phase in (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.BACKUP):
        site.phase(number, phase, PhaseStatus.DONE)
    for line in range(60):
        site.event(number, "log", Phase.STAGE, level="info", message=f"Une ligne du journal, la {line}e.")
    for line in range(60):
        site.operations.web.record_action("connexion", actor=f"compte{line}", now=now(), address="10.0.0.1")
    visitor = Visitor(admin)
    first = {path: visitor.weigh(path) for path in PATHS}
    assert sum(first.values()) <= FIRST_VISIT, f"every page once: {first}"
    later = {path: visitor.weigh(path) for path in PATHS}
    assert {path: weight for path, weight in later.items() if weight > LATER} == {}
    assert any("session.js" in address for address in visitor.kept)
    assert any("tus.js" in address for address in visitor.kept)


def test_static_files_are_kept_for_ever_and_pages_never(site: Site, admin: Browser) -> None:
    style = admin.client.get(f"/superviseur{site.app.static_url_path}/css/base.css", buffered=True)
    assert (style.cache_control.max_age, style.cache_control.public) == (31536000, True)
    assert "immutable" in style.headers["Cache-Control"]
    assert "Content-Encoding" not in style.headers, "whoever takes no gzip gets none"
    missing = admin.client.get(f"/superviseur{site.app.static_url_path}/css/none.css")
    old = admin.client.get("/superviseur/static/css/base.css")
    for answer in (missing, old, admin.get("")):
        assert answer.headers["Cache-Control"] == "no-store"
    assert (missing.status_code, old.status_code) == (404, 404)


@pytest.mark.parametrize("change", ["bytes", "name", "new"])
def test_the_address_of_static_files_follows_their_contents(tmp_path: Path, change: str) -> None:
    (tmp_path / "js").mkdir()
    file = tmp_path / "js" / "a.js"
    file.write_text("1")
    before = static_address(tmp_path)
    assert static_address(tmp_path) == before
    if change == "bytes":
        file.write_text("2")
    elif change == "name":
        file.rename(tmp_path / "js" / "b.js")
    else:
        (tmp_path / "c.css").write_text("")
    assert static_address(tmp_path) != before


def test_streams_and_documents_for_programs_are_sent_as_they_are(site: Site, admin: Browser) -> None:
    number = site.update()
    status = admin.get("api/status", headers=GZIP)
    events = admin.get(f"api/updates/{number}/events", headers=GZIP | {"Accept": "application/json"})
    assert [answer.headers.get("Content-Encoding") for answer in (status, events)] == [None, None]
