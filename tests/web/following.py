"""What tests do with Suivi in a real browser."""

from playwright.sync_api import Page, Route

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from tests.support.site import now
from tests.support.web_process import WebProcess


def follow(page: Page, web: WebProcess) -> int:
    number = web.site.update()
    page.goto(f"{web.url}/mises-a-jour/suivi")
    return number


def log(web: WebProcess, number: int, first: int, count: int) -> None:
    for line in range(first, first + count):
        web.site.event(number, "log", Phase.STAGE, level="info", message=f"ligne {line}.")


def end(web: WebProcess, number: int, phase: Phase) -> None:
    web.site.engine.set_phase(number, phase, ended_at=now())
    web.site.phase(number, phase, PhaseStatus.DONE)


def refuse_streams(page: Page) -> list[str]:
    """The server streams nothing to that page; what it accepts, each time that it asks for events."""
    asked: list[str] = []

    def no_stream(route: Route) -> None:
        asked.append(route.request.headers["accept"])
        if "event-stream" in asked[-1]:
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route("**/events?*", no_stream)
    return asked


def let_refresh(page: Page) -> None:
    with page.expect_response("**/etat?*"):
        page.clock.run_for(31_000)
