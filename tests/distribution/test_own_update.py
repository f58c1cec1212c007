"""The supervisor puts its next version in its own place, or is back on the old one: wholly the one or the other.

A machine that loses its power loses every process at once; what `systemctl` starts at boot is started by hand here.
"""

import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect

from distribution.__main__ import TRIAL_KEYS
from ospi_supervisor import __version__
from ospi_supervisor.publisher.publication import publish
from ospi_supervisor.publisher.repository import Repository
from tests.distribution.conftest import BrowserOn
from tests.distribution.own_update import BROKEN, NEXT, SITE, Absence, is_there, next_archive
from tests.distribution.server import Server, complete, put_platform, start_platform
from tests.support.demo import FINAL
from tests.support.system import wait_until

pytestmark = [pytest.mark.system, pytest.mark.full]

RUN = f"ospi-supervisor-{__version__}.run"
VENDOR = "server { listen 127.0.0.1:8820; root /srv/depot; }"
PORT = 8000
CHANGE = "ospi-supervisor-change.service"
UNITS = ("ospi-supervisor-worker.service", "ospi-supervisor-web.service", CHANGE)
PARTS = ("/opt/ospi-supervisor", "/var/lib/ospi-supervisor", "/etc/systemd/system")
ABSENT_SECONDS = 10
RANDOM_INSTANTS = 20


@pytest.fixture(scope="module")
def archives(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The next version, and one that does not come up."""
    keys = delivered / TRIAL_KEYS
    return {
        version: next_archive(
            delivered / RUN, keys, version, tmp_path_factory.mktemp(version), broken=version == BROKEN
        )
        for version in (NEXT, BROKEN)
    }


@pytest.fixture(scope="module")
def site(server: Server, archives: dict[str, Path]) -> Server:
    """A supervisor at work, in front of it nginx, with an account."""
    server.run("sh", f"remis/{RUN}")
    put_platform(server, "un", PORT)
    config = server.path("/etc/ospi-supervisor/supervisor.toml")
    config.write_text(complete(config.read_text(encoding="utf-8"), "un", PORT, f"{SITE}/"), encoding="utf-8")
    server.run("ospi-supervisor", "adopt", "11.5.0")
    start_platform(server, "un", PORT)
    server.run("sh", f"remis/{RUN}")
    server.type("ospi-supervisor proxy nginx > /etc/nginx/conf.d/ospi.conf; nginx")
    server.run(
        "ospi-supervisor", "user", "add", "dsi", "--group", "administration system", stdin="correct cheval pile\n"
    )
    for archive in archives.values():
        shutil.copyfile(archive, server.path(f"/root/{archive.name}"))
    wait_until(lambda: is_there(server), "the pages")
    return server


def current(server: Server) -> str:
    return server.path("/opt/ospi-supervisor/current").readlink().name


def last_update(server: Server) -> dict[str, str]:
    done = server.run("ospi-supervisor", "history", "--json", check=False)
    found: list[dict[str, str]] = json.loads(done.stdout) if done.returncode == 0 else []
    return found[0] if found else {"status": "none"}


def wait_for_end(server: Server) -> dict[str, str]:
    """The update of the supervisor, once it has ended, and both processes live in one version."""
    wait_until(lambda: last_update(server)["status"] in FINAL, "the update's end", 400)
    wait_until(lambda: server.run("ospi-supervisor", "self", "up", check=False).returncode == 0, "both processes")
    return last_update(server)


def accounts(server: Server) -> str:
    return server.run("ospi-supervisor", "user", "list", "--json").stdout


def check_nothing_is_left(server: Server) -> None:
    """No copy, no mark, no half of a version."""
    assert {path.name for path in server.path("/opt/ospi-supervisor/change").iterdir()} <= {"run", "outcome"}
    assert list(server.path("/var/lib/ospi-supervisor").glob("*/.before")) == []
    releases = {path.name for path in server.path("/opt/ospi-supervisor/releases").iterdir()}
    assert releases <= {__version__, NEXT}
    assert current(server) in releases


def test_one_that_does_not_come_up_is_gone_by_itself(site: Server, ordered: Callable[[str], None]) -> None:
    ordered(__version__)
    come_up(site)
    before = accounts(site)
    done = site.run("ospi-supervisor", "import", f"/root/ospi-supervisor-{BROKEN}.ospi", "--notice-read", check=False)
    assert done.returncode == 0, done.stderr
    update = wait_for_end(site)
    assert (update["status"], update["to"], current(site)) == ("failed", BROKEN, __version__)
    assert accounts(site) == before
    log = site.run("ospi-supervisor", "log", str(update["id"])).stdout
    assert f"la version {__version__} est revenue, avec ses données" in log
    check_nothing_is_left(site)
    again = site.run("ospi-supervisor", "import", f"/root/ospi-supervisor-{BROKEN}.ospi", "--notice-read", check=False)
    assert (again.returncode, "a déjà échoué" in again.stderr) == (1, True), "never twice"
    site.cut_power()


@pytest.fixture(scope="module")
def ordered(site: Server) -> Iterator[Callable[[str], None]]:
    """Puts the server back to where a change to one of the versions is ordered and nothing is begun (or, for this very
    version, where nothing is asked for), and no process runs."""
    kept = site.root.parent

    def keep(version: str) -> None:
        for part in PARTS:
            target = kept / f"kept-{version}" / part[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "--archive", site.path(part), target], check=True)

    def order(version: str) -> None:
        again(__version__)
        come_up(site)
        site.type(f": >/run/stand-in/masked-{CHANGE}")
        site.run("ospi-supervisor", "import", f"/root/ospi-supervisor-{version}.ospi", "--notice-read")
        wait_until(lambda: site.path("/opt/ospi-supervisor/change/order").exists(), "the order")
        site.cut_power()
        keep(version)

    def again(version: str) -> None:
        if not (kept / f"kept-{version}").exists():
            order(version)
        for part in PARTS:
            shutil.rmtree(site.path(part))
            subprocess.run(["cp", "--archive", kept / f"kept-{version}" / part[1:], site.path(part)], check=True)
        site.boot()

    site.cut_power()
    keep(__version__)
    yield again
    site.boot()


def come_up(server: Server) -> None:
    """What the machine starts at boot, in any order, as one transaction."""
    start_platform(server, "un", PORT)
    server.run("nginx")
    server.run("systemctl", "start", *random.sample(UNITS, len(UNITS)))
    wait_until(lambda: is_there(server), "the pages", 240)


MARKS: dict[str, Callable[[Server], bool]] = {
    "nothing is begun": lambda server: True,
    "the units are written": lambda server: server.path("/opt/ospi-supervisor/change/units.new").exists(),
    "some databases are copied": lambda server: server.path("/var/lib/ospi-supervisor/engine/.before").exists(),
    "all are copied": lambda server: server.path("/opt/ospi-supervisor/change/copied").exists(),
    "the link leads to the new version": lambda server: current(server) != __version__,
    "the old version is to come back": lambda server: server.path("/opt/ospi-supervisor/change/back").exists(),
    "the outcome stands": lambda server: server.path("/opt/ospi-supervisor/change/outcome").exists(),
}
OF_THE_BROKEN = ("the old version is to come back", "the link leads to the new version", "the outcome stands")


def cut_when(server: Server, moment: Callable[[Server], bool]) -> None:
    """Begin the change, and take the power away at that moment; then the machine comes up."""
    server.run("systemctl", "start", *UNITS[:2])  # the worker has the change begun
    deadline = time.monotonic() + 240
    while not moment(server):
        assert time.monotonic() < deadline
    server.cut_power()
    server.boot()
    come_up(server)


def check_whole(server: Server, version: str) -> None:
    """Wholly the old version or the new one, with the accounts, and nothing left over."""
    update = wait_for_end(server)
    wanted = {NEXT: ("succeeded", NEXT), BROKEN: ("failed", __version__)}[version]
    assert (update["status"], current(server)) == wanted
    assert '"dsi"' in accounts(server)
    check_nothing_is_left(server)
    server.cut_power()


@pytest.mark.parametrize("mark", [mark for mark in MARKS if "come back" not in mark])
def test_power_is_lost_on_the_way_there(site: Server, ordered: Callable[[str], None], mark: str) -> None:
    ordered(NEXT)
    cut_when(site, MARKS[mark])
    check_whole(site, NEXT)


@pytest.mark.parametrize("mark", OF_THE_BROKEN)
def test_power_is_lost_on_the_way_back(site: Server, ordered: Callable[[str], None], mark: str) -> None:
    ordered(BROKEN)
    cut_when(site, MARKS[mark])
    check_whole(site, BROKEN)


@pytest.mark.parametrize("number", range(RANDOM_INSTANTS))
def test_power_is_lost_at_any_instant(site: Server, ordered: Callable[[str], None], number: int) -> None:
    ordered(NEXT)
    at = time.monotonic() + random.Random(number).uniform(0, 12)
    cut_when(site, lambda server: time.monotonic() >= at)
    check_whole(site, NEXT)


def test_the_script_is_killed_and_systemd_starts_it_again(site: Server, ordered: Callable[[str], None]) -> None:
    ordered(NEXT)
    for mark in ("all are copied", "the link leads to the new version"):
        site.run("systemctl", "start", CHANGE)
        wait_until(partial(MARKS[mark], site), mark)
        site.type(f"kill -9 $(cat /run/stand-in/{CHANGE})")
    site.run("systemctl", "start", CHANGE)
    start_platform(site, "un", PORT)
    site.run("nginx")
    check_whole(site, NEXT)


def test_the_night_takes_the_next_version_from_the_vendors_repository(
    site: Server, ordered: Callable[[str], None], delivered: Path, archives: dict[str, Path], tmp_path: Path
) -> None:
    ordered(__version__)
    publish(Repository(tmp_path), delivered / TRIAL_KEYS, archives[NEXT], datetime.now(UTC))
    shutil.copytree(tmp_path, site.path("/srv/depot"))
    site.type(f"chmod -R a+rX /srv/depot; echo '{VENDOR}' >/etc/nginx/conf.d/depot.conf")
    config = "/etc/ospi-supervisor/supervisor.toml"
    site.type(f"echo '[automatic_update]\nhosts = {{debian = \"http://127.0.0.1:8820/\"}}' >>{config}")
    come_up(site)
    site.run("ospi-supervisor", "auto", "set", "update.auto.disable", "OUI")
    with Absence(site) as absence:
        done = site.run("ospi-supervisor", "auto", "run", check=False)
        update = wait_for_end(site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (update["source"], update["status"], update["to"], current(site)) == ("automatic", "succeeded", NEXT, NEXT)
    assert 0 < absence.longest <= ABSENT_SECONDS
    assert "aucune" in site.run("ospi-supervisor", "auto", "run").stdout
    check_nothing_is_left(site)
    site.cut_power()


def test_the_next_version_by_a_browser_whose_suivi_goes_on(
    site: Server, ordered: Callable[[str], None], browser_on: BrowserOn, archives: dict[str, Path]
) -> None:
    """Last: the server stays on the next version."""
    ordered(__version__)
    come_up(site)
    page = browser_on(site).new_page()
    page.goto(f"{SITE}/superviseur/")
    page.get_by_label("Identifiant").fill("dsi")
    page.get_by_label("Mot de passe").fill("correct cheval pile")
    page.get_by_role("button", name="Se connecter").click()
    page.goto(f"{SITE}/superviseur/mises-a-jour/import")
    page.locator("input[type=file]").set_input_files(archives[NEXT])
    page.get_by_label("J'ai lu la notice").check(timeout=60_000)
    page.locator("#import-button").click(timeout=60_000)
    expect(page).to_have_url(re.compile("suivi.update="), timeout=60_000)
    with Absence(site) as absence:
        expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no", timeout=240_000)
    assert current(site) == NEXT
    page.goto(f"{SITE}/superviseur/mises-a-jour/historique")
    expect(page.get_by_text(NEXT).first).to_be_visible()
    assert 0 < absence.longest <= ABSENT_SECONDS
    check_nothing_is_left(site)
    site.cut_power()
