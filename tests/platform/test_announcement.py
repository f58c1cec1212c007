"""What users are told beforehand: files that each printed configuration serves, whatever is dead behind it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ospi_supervisor.domain.announcement import Announcement
from ospi_supervisor.domain.proxies import KINDS
from tests.platform.proxied import Site, running_site

pytestmark = pytest.mark.system

BEGINS = datetime(2026, 11, 30, 21, tzinfo=UTC)
SOON = Announcement(begins=BEGINS, ends=BEGINS + timedelta(minutes=30), message="Merci d'enregistrer « avant ».")


@pytest.fixture(scope="module", params=KINDS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param) as running:
        yield running


@pytest.mark.parametrize("flag", [False, True], ids=["open", "maintenance"])
def test_it_is_served_without_the_platform_nor_the_supervisor(site: Site, flag: bool) -> None:
    site.switch.announce(SOON)
    site.switch.on() if flag else site.switch.off()
    site.platform.seen.clear()
    told, script = site.ask("GET", "/maintenance/annonce.json"), site.ask("GET", "/maintenance/annonce.js")
    assert (told.status, told.headers["Content-Type"], told.headers["Cache-Control"]) == (
        200,
        "application/json",
        "no-store",
    )
    document = json.loads(told.data)
    assert datetime.fromisoformat(document["from"]) == SOON.begins
    assert datetime.fromisoformat(document["until"]) == SOON.ends
    assert document["message"] == SOON.message
    assert script.status == 200
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert b"/maintenance/annonce.json" in script.data
    assert "X-OSPI-Maintenance" not in told.headers
    assert site.platform.seen == []
    site.switch.off()


def test_nothing_to_tell_is_an_empty_document_and_no_file_no_page(site: Site) -> None:
    site.switch.announce(None)
    assert json.loads(site.ask("GET", "/maintenance/annonce.json").data) == {}
    (site.config.maintenance.page_dir / "annonce.json").unlink()
    assert site.ask("GET", "/maintenance/annonce.json").status == 404
    site.switch.announce(None)
    assert site.ask("GET", "/maintenance/annonce.jsonx").data == b"old"
