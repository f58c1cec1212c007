"""`make screenshots`: into test-results/screenshots; the guide's own into static/aide. `--only NAME` for a part."""

import tempfile
from pathlib import Path

import click
from playwright.sync_api import Browser, Page, expect, sync_playwright

from demo.layout import REPOSITORY
from ospi_supervisor.system import passwords
from tests.conftest import OFFLINE, PATIENCE_MS, QUIET
from tests.screenshots.camera import Camera
from tests.screenshots.states import DARK, STATES, alive, worker_down
from tests.screenshots.tour import take_tour
from tests.support.demo import RunningDemo
from tests.support.prepared import lay_out_prepared
from tests.support.site import Archives, Site, answering_platform, make_archives
from tests.support.system import free_port, require_program
from tests.support.web_process import web_process
from tests.web.browsing import sign_in

FOLDER = REPOSITORY / "test-results" / "screenshots"
SERVED = REPOSITORY / "static" / "aide"


@click.command()
@click.option("--only", help="Only what has this in its name: a state of tests/screenshots/states.py, or « demo ».")
def main(only: str | None) -> None:
    """Take every picture."""
    passwords.METHOD = "scrypt:512:8:1"
    camera = Camera(FOLDER, SERVED)
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(
            executable_path=require_program("chromium"),
            args=[*QUIET, *OFFLINE, "--lang=fr-FR"],
        )
        if only in (None, "demo"):
            take_demo(browser, camera, folder)
        archives = make_archives(folder)
        with answering_platform(folder) as platform:
            for state in STATES:
                if only in (None, state.__name__):
                    take_state(browser, camera, Setting(folder / state.__name__, platform, archives), state.__name__)
        browser.close()
    click.echo(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


class Setting:
    """Where a state is made up."""

    def __init__(self, folder: Path, platform: str, archives: Archives) -> None:
        self.port = free_port()
        self.site = Site(folder, platform, archives.root, port=self.port)


def take_demo(browser: Browser, camera: Camera, folder: Path) -> None:
    """The main job in the demonstration."""
    demo = RunningDemo(lay_out_prepared(folder / "demo").root)
    try:
        with browser.new_context(locale="fr-FR") as context:
            take_tour(demo, patient(context.new_page()), camera)
    finally:
        demo.stop()


def take_state(browser: Browser, camera: Camera, setting: Setting, name: str) -> None:
    """Every page of one state."""
    state, paths = next((state, paths) for state, paths in STATES.items() if state.__name__ == name)
    state(setting.site)
    with web_process(setting.site, setting.port) as web, browser.new_context(locale="fr-FR") as context:
        page = patient(context.new_page())
        page.goto(f"{web.url}/connexion")
        sign_in(page)
        expect(page.get_by_role("heading", name="Tableau de bord")).to_be_visible()
        for path in paths:
            if state is not worker_down:
                alive(setting.site)
            page.goto(f"{web.url}/{path}")
            camera.take(page, f"{name}-{path.replace('/', '-') or 'tableau'}", dark=path in DARK)
    setting.site.close()


def patient(page: Page) -> Page:
    """A page that waits as long as it takes."""
    page.set_default_timeout(PATIENCE_MS)
    return page


if __name__ == "__main__":
    main()
