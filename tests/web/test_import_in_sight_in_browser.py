"""What is installed and the button that does it stay in sight at Import, and cover nothing that has the focus."""

from playwright.sync_api import Page, expect

from tests.support.site import Archives
from tests.web.browsing import choose, expect_complete

SCREENS = ((390, 844), (768, 1024), (1000, 700), (1280, 800))
COVERED = """() => [...document.querySelectorAll("main a[href], main button, main input, main summary, main select")]
  .filter((one) => !one.closest(".import-go, .hidden") && !one.disabled && one.checkVisibility())
  .filter((one) => {
    one.focus();
    if (document.activeElement !== one) return false;
    const { left, top, width, height } = one.getBoundingClientRect();
    if (width < 2) return false; // the file's own field, which its label stands for
    const seen = document.elementFromPoint(left + width / 2, top + height / 2);
    return !seen || seen.closest(".import-go, .menu") !== null;
  })
  .map((one) => one.id || one.textContent.trim())"""


def test_importer_is_in_sight_wherever_one_reads(page: Page, archives: Archives) -> None:
    choose(page, archives.good)
    expect_complete(page)
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        versions = page.locator("#installation-titre" if width > 1020 else ".go-what")
        for part in (0, 0.5, 1):
            page.evaluate("part => window.scrollTo(0, part * document.documentElement.scrollHeight)", part)
            expect(page.locator("#import-button")).to_be_in_viewport(ratio=1)
            expect(page.locator("#notice-read")).to_be_in_viewport(ratio=1)
            expect(versions).to_be_in_viewport(ratio=1)
            expect(versions).to_have_text("11.5.0 → 11.6.0")
        assert page.evaluate(COVERED) == [], f"at {width} px"


def test_on_a_screen_with_little_room_it_covers_nothing(page: Page, archives: Archives) -> None:
    page.set_viewport_size({"width": 320, "height": 256})  # a desk's screen, at 400 %
    choose(page, archives.good)
    expect_complete(page)
    assert page.locator(".import-go").evaluate("one => getComputedStyle(one).position") != "fixed"


def test_a_refusal_is_in_sight_on_a_phone(page: Page, archives: Archives) -> None:
    choose(page, archives.bad["unsigned"])
    expect(page.locator("#refus")).to_be_in_viewport(ratio=1)
    box, menu = page.locator("#refus").bounding_box(), page.locator(".menu").bounding_box()
    assert box
    assert menu
    assert box["y"] + box["height"] <= menu["y"]
