"""What tests of several rooms share."""

import faulthandler
import gc
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from ospi_supervisor.system import passwords
from tests.support import templates
from tests.support.site import Archives, Site, answering_platform, make_archives
from tests.support.system import require_program

passwords.METHOD = "scrypt:512:8:1"
"""Cheap, or each sign-in here would take tenths of a second; `tests/system/test_passwords.py` looks at the real one."""
Flask.jinja_options = {"bytecode_cache": templates.Kept()}
"""Compiling them was two thirds of what a first page cost, and each test has one."""
LONGEST = ("faults", "real_application", "e2e")
"""Folders whose files go first: begun last, one of them would keep one worker busy when the others have ended."""
IDLE_SECONDS = 1.0
OWN_FOLDER = pytest.StashKey[str]()
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
PATIENCE_MS = 180_000
"""How long a page may take for anything: where the disk is busy, each durable write of the server can wait seconds."""
OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-sync")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder of this run's own: each run that begins closes pytest's common one to the accounts of all others."""
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="ospi-tests-")
        config.stash[OWN_FOLDER] = config.option.basetemp


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a green run leaves is of no use to anybody."""
    own = session.config.stash.get(OWN_FOLDER, None)
    if own is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(own, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _nothing_left() -> Iterator[None]:
    """What the last test left to the garbage collector is told in its name: a worker of pytest-xdist is mute after.

    Nor is a thread of a test still at work: two that read on at the end of a connection once took a whole core from
    half of all tests.
    """
    yield
    gc.collect()
    before = time.process_time()
    time.sleep(IDLE_SECONDS)
    if time.process_time() - before > IDLE_SECONDS / 2:
        faulthandler.dump_traceback(2)
        pytest.fail("a thread of some test works on; each one's place is printed above")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; otherwise as they stand."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers. One for all tests: two do not live in one thread."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright


def launched(playwright: Playwright, program: str) -> Iterator[Browser]:
    """A Chromium without a screen, until its tests are over."""
    browser = playwright.chromium.launch(executable_path=require_program(program), args=[*QUIET, *OFFLINE])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium's engine alone, a third cheaper than all of it: no reader of PDF is in it, for one."""
    yield from launched(playwright, "chromium-headless-shell")


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Archives good and bad, built once."""
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a platform that answers."""
    with answering_platform(tmp_path_factory.mktemp("platform")) as url:
        yield url


@pytest.fixture
def site(tmp_path: Path, platform: str, archives: Archives) -> Iterator[Site]:
    """A supervisor of the test's own."""
    site = Site(tmp_path / "site", platform, archives.root)
    yield site
    site.close()
