"""What a reader asks of the system, the pages follow: paper, no motion, more contrast, colours of one's own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.layout import REPOSITORY
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from tests.support.site import now
from tests.support.web_process import WebProcess

pytestmark = pytest.mark.system

COLOUR = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
MOVING = "document.getAnimations().filter((animation) => animation.playState === 'running').length"
OUTLINE = "getComputedStyle(document.querySelector('.menu [aria-current]')).outlineStyle"


def test_the_pages_follow_what_a_reader_asks_of_the_system(page: Page, web: WebProcess) -> None:
    web.site.engine.beat(now(), 1)
    number = web.site.update()
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.locator("#phases [data-status=doing]")).to_be_visible()
    assert page.evaluate(MOVING) > 0, "otherwise nothing would be shown by what follows"

    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == 0
    assert page.evaluate(COLOUR, "--muted") != page.evaluate(COLOUR, "--ink")
    page.emulate_media(contrast="more")
    assert page.evaluate(COLOUR, "--muted") == page.evaluate(COLOUR, "--ink")
    assert page.evaluate(OUTLINE) == "none"
    page.emulate_media(contrast="no-preference", forced_colors="active")
    assert page.evaluate(OUTLINE) == "solid"

    page.emulate_media(media="print", forced_colors="none")
    for hidden in (".side", ".tabs", ".page-help", "form >> nth=0", "#filtre", "#terminees summary"):
        expect(page.locator(hidden)).to_be_hidden()
    for shown in ("#titre", "[data-phase=verify]"):  # folded on the screen alone
        expect(page.locator(shown)).to_be_visible()


def test_the_accessibility_statement_names_tests_that_exist() -> None:
    text = (REPOSITORY / "docs" / "accessibilite.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[^`]+)`", text)
    assert len(named) >= 4
    assert [name for name in named if not Path(REPOSITORY, name).is_file()] == []
