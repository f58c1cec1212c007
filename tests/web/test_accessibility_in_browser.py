"""WCAG 2.2 AA: what axe-core finds on every page and state, light and dark, and what it cannot see: reflow."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from tests.screenshots.states import validating
from tests.support.drills import CERTIFICATE, FAILED, PATH, publish
from tests.support.pages import PAGES
from tests.support.site import now
from tests.support.web_process import WebProcess
from tests.web.following import log

AXE = Path(__file__).resolve().parents[1] / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
RULES = """async (rules) => {
  const all = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const found = await axe.run(document, { runOnly: rules ?? all });
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
}"""
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""Those that the colours decide: the others find the same in the dark."""
WIDTHS = (320, 768, 1280)
AUDIT = """() => {
  const found = [];
  const name = (one) => `${one.tagName.toLowerCase()} ${(one.id || one.textContent || one.name).trim().slice(0, 40)}`;
  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".hidden, .skip");
  const isInText = (one) => getComputedStyle(one).display === "inline"
    && one.parentElement.textContent.trim() !== one.textContent.trim();
  const targets = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  for (const element of document.querySelectorAll(targets)) {
    const target = element.closest("label") ?? element;
    if (!shown(target) || isInText(element)) continue;
    const { width, height } = target.getBoundingClientRect();
    const least = Math.round(Math.min(width, height));
    if (width > 1 && least < 24) found.push(`small target: ${name(element)} ${least} px`);
  }
  for (const one of document.querySelectorAll("[tabindex]")) if (one.tabIndex > 0) found.push(`order: ${name(one)}`);
  const lasts = (motion) => motion.effect.getComputedTiming().duration > 0;
  const moving = document.getAnimations().filter((motion) => motion.playState === "running" && lasts(motion));
  for (const motion of moving) found.push(`moves: ${name(motion.effect.target)}`);
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) found.push(`twice: #${id}`);
  for (const box of document.querySelectorAll("main *")) {
    const { overflowY, overflowX } = getComputedStyle(box);
    const down = overflowY === "auto" && box.scrollHeight > box.clientHeight + 1;
    const across = overflowX === "auto" && box.scrollWidth > box.clientWidth + 1;
    if ((down || across) && box.tabIndex < 0 && !box.querySelector("a, button, input")) {
      found.push(`scrolls without focus: ${name(box)}`);
    }
  }
  return found;
}"""
"""What axe does not see: size of targets (2.5.8), order of focus (2.4.3), motion though none is wanted, scrolling that
the keyboard cannot do."""


def nothing(web: WebProcess) -> None:
    """A platform that never was updated."""
    web.site.engine.beat(now(), 1)


def under_way(web: WebProcess) -> None:
    """An update that migrates, after backups were drilled."""
    web.site.engine.beat(now(), 1)
    publish(web.site, FAILED, CERTIFICATE)
    number = web.site.update()
    for phase in (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.BACKUP, Phase.MAINTENANCE):
        web.site.phase(number, phase, PhaseStatus.DONE)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.DOING)
    log(web, number, 0, 3)
    web.site.event(number, "log", Phase.MIGRATE, level="output", message="séjour 1\nséjour 2")


def stopped(web: WebProcess) -> None:
    """An update that needs an intervention, with its version locked, and the worker down."""
    number = web.site.update()
    web.site.engine.set_failure(number, Phase.MIGRATE, "panne")
    web.site.engine.set_phase(number, Phase.MIGRATE, status=PhaseStatus.FAILED)
    web.site.engine.lock_version("portail-bi", "11.6.0", number, now())
    web.site.engine.finish(number, UpdateStatus.INTERVENTION, now())
    web.site.planned(now() + timedelta(days=2))


@pytest.mark.parametrize(
    "state", [pytest.param(nothing, marks=pytest.mark.full), under_way, stopped], ids=lambda state: state.__name__
)
def test_no_page_has_what_axe_finds_nor_scrolls_sideways(
    page: Page, web: WebProcess, state: Callable[[WebProcess], None]
) -> None:
    state(web)
    assert faults(page, web, (*PAGES, PATH)) == []


def test_nor_have_the_pages_of_a_validation(page: Page, web: WebProcess) -> None:
    validating(web.site)
    assert faults(page, web, ["mises-a-jour/suivi", "mises-a-jour/suivi/1/validation"]) == []
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RULES) == []


def faults(page: Page, web: WebProcess, paths: Iterable[str]) -> list[str]:
    """What is wrong on these pages, in both colours and at every width."""
    found: list[str] = []
    for path in paths:
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.goto(f"{web.url}/{path}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                found.append(f"{path} at {width} px: {wider} px too wide")
            found += [f"{path} at {width} px: {fault}" for fault in page.evaluate(AUDIT)]
        page.evaluate(AXE.read_text(encoding="utf-8"))  # not a script of the page, whose policy would refuse it
        found += [f"{path} {violation}" for violation in page.evaluate(RULES)]
        page.emulate_media(color_scheme="dark")
        found += [f"{path} in the dark: {violation}" for violation in page.evaluate(RULES, OF_COLOURS)]
    return found


def test_in_forced_colours_what_is_current_and_what_is_done_stand_out(page: Page, web: WebProcess) -> None:
    under_way(web)
    page.emulate_media(forced_colors="active")
    page.goto(f"{web.url}/mises-a-jour/suivi")
    outlines = page.evaluate(
        "[...document.querySelectorAll('[aria-current]')].map((one) => getComputedStyle(one).outlineStyle)"
    )
    assert set(outlines) == {"solid"}
    done, pending = (
        page.locator(f'[data-segment="{name}"]').evaluate("one => getComputedStyle(one).backgroundColor")
        for name in ("verify", "cleanup")
    )
    assert done != pending


def test_the_audit_finds_what_is_wrong(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")  # nothing that the page itself begins with
    page.reload()
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend',"
        " '<button style=\"all: unset; display: block; width: 9px; height: 9px\"></button><h1>Encore</h1>')"
    )
    assert [fault.split(":")[0] for fault in page.evaluate(AUDIT)] == ["small target", "not one h1"]


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert [violation.split(":")[0] for violation in page.evaluate(RULES)] == ["image-alt"]


def test_axe_finds_what_is_wrong_in_the_dark_alone(page: Page) -> None:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.evaluate(
        "() => { const one = document.createElement('p'); one.textContent = 'Illisible'; one.style.color = '#1a1a1a';"
        " document.querySelector('main').append(one); }"  # by script: the policy refuses a style in the text
    )
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RULES, OF_COLOURS) == []
    page.emulate_media(color_scheme="dark")
    assert [violation.split(":")[0] for violation in page.evaluate(RULES, OF_COLOURS)] == ["color-contrast"]
