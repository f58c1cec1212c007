"""`docs/api.md` names every address that programs use, every status of the upload, and every code of a refusal."""

import re
from pathlib import Path

from ospi_supervisor.domain.events import EventKind
from ospi_supervisor.errors import ARCHIVE_CODES
from ospi_supervisor.web.errors import STATUS_OF_CODE
from tests.support.site import Site

JUDGED = {"locked", "intervention", "prerequisites", "refused"}
"""Codes of a refusal that comes from the server, not from the archive."""

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = (REPOSITORY / "docs/api.md").read_text(encoding="utf-8")


def test_every_address_for_programs_is_documented(site: Site) -> None:
    for rule in site.app.url_map.iter_rules():
        if rule.endpoint.startswith(("api.", "tus.", "auth.")) or "POST" in (rule.methods or ()):
            address = re.sub("/?<[^>]*upload_id>$", "", re.sub("<[^>]*id>(?=/|$)", "ID", rule.rule)).strip("/")
            assert address.removesuffix("/ID") in DOCUMENT, rule.rule


def test_every_code_and_status_is_documented() -> None:
    paragraph = DOCUMENT.partition("Codes of a refused archive: ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) == {*ARCHIVE_CODES, *JUDGED}
    for status in {*STATUS_OF_CODE.values(), 412, 415, 422, 460, 503}:
        assert str(status) in DOCUMENT, status


def test_every_kind_of_event_is_documented_and_followed() -> None:
    paragraph = DOCUMENT.partition("`event:` is ")[2].partition("; `id:`")[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) >= set(EventKind)
    script = (REPOSITORY / "static/js/follow.js").read_text(encoding="utf-8")
    followed = script.partition("for (const kind of [")[2].partition("])")[0]
    assert set(re.findall(r'"(\w+)"', followed)) == set(EventKind)
