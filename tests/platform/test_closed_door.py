"""Behind the closed door, in each real proxy: who has the link gets the new release, everybody else the page."""

import os
import random
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import urllib3

from ospi_supervisor.domain.proxies import KINDS
from ospi_supervisor.platform.invitations import COOKIE, Invitations, secret_in
from tests.platform.proxied import Site, running_site
from tests.platform.test_proxies import assert_page
from tests.support.system import require_root

pytestmark = pytest.mark.system

THREADS = 4
MALFORMED = (
    "",
    "0" * 63,
    "0" * 65,
    "../flag",
    "..%2fflag",
    "/etc/passwd",
    "%2e%2e/flag",
    "*",
    "{}",
    "$1",
    "0" * 64 + "/",
    "../" + "0" * 61,
    "0" * 63 + "g",
    "0" * 64 + "%00",
)


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param) as site:
        yield site


@pytest.fixture
def site(server: Site) -> Iterator[Site]:
    """Behind the page, nobody invited yet."""
    server.switch.on()
    server.platform.seen.clear()
    yield server
    _invitations(server).withdraw()
    server.switch.off()


def _invitations(site: Site) -> Invitations:
    return Invitations(site.config.maintenance.invitations, site.config.maintenance.flag.parent)


def invite(site: Site) -> str:
    """The secret of a link that was just made."""
    _invitations(site).issue()
    secret = secret_in(site.config.maintenance.invitations)
    assert secret is not None
    return secret


def ask(site: Site, secret: str, path: str = "/", method: str = "GET") -> urllib3.BaseHTTPResponse:
    return site.ask(method, path, headers={"Cookie": f"theme=dark; {COOKIE}={secret}; lang=fr"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_the_links_holder_gets_the_new_release_at_every_address(site: Site, method: str) -> None:
    secret = invite(site)
    answer = ask(site, secret, "/rapports/2026/d%C3%A9tail?a=1", method)
    assert (answer.status, "X-OSPI-Maintenance" in answer.headers) == (200, False)
    assert site.platform.seen[-1][:2] == (method, "/rapports/2026/d%C3%A9tail?a=1")


def test_everybody_else_gets_the_page(site: Site) -> None:
    secret = invite(site)
    assert_page(site.ask("GET", "/"))
    for forged in (secrets.token_hex(32), secret.upper(), secret[:-1], f"{secret}0", *MALFORMED):
        if forged != secret:
            assert_page(ask(site, forged))
    assert_page(site.ask("GET", f"/?{COOKIE}={secret}"))
    assert_page(site.ask("GET", "/", headers={"Cookie": f"x{COOKIE}={secret}"}))
    assert site.platform.seen == []


def test_a_link_opens_nothing_once_it_is_withdrawn_or_made_anew(site: Site) -> None:
    first = invite(site)
    second = invite(site)
    assert_page(ask(site, first))
    assert ask(site, second).status == 200
    _invitations(site).withdraw()
    assert_page(ask(site, second))


def test_no_file_but_an_invitation_opens(site: Site) -> None:
    """Names that point to files which are there: the flag, and one of the right form in another folder."""
    invite(site)
    folder = site.config.maintenance.flag.parent
    outside = "a" * 64
    (folder / outside).touch()
    try:
        for name in ("../flag", f"../{outside}", outside, str(folder / "flag")):
            assert_page(ask(site, name))
        (site.config.maintenance.invitations / ("b" * 64)).mkdir()
        assert_page(ask(site, "b" * 64))
    finally:
        (folder / outside).unlink()
        with suppress(FileNotFoundError):
            (site.config.maintenance.invitations / ("b" * 64)).rmdir()


def test_a_platform_that_dies_behind_the_door_is_the_page_for_the_links_holder_too(site: Site) -> None:
    secret = invite(site)
    site.platform.stop()
    try:
        answer = ask(site, secret)
    finally:
        site.platform.start()
    assert_page(answer)


def test_without_the_page_a_forged_link_changes_nothing(site: Site) -> None:
    site.switch.off()
    assert ask(site, "../../etc/passwd").data == b"old"
    assert ask(site, invite(site)).data == b"old"


@pytest.mark.parametrize("requests", [300, pytest.param(10_000, marks=pytest.mark.full)])
def test_thousands_of_requests_mixed_while_links_come_and_go(site: Site, requests: int) -> None:
    """Each request is judged by what was true while it was under way: a link that stood all along opens, one that was
    never there does not."""
    good, draw = invite(site), random.Random(18)
    wrong: list[str] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        with urllib3.PoolManager(maxsize=1) as http:
            for _ in range(requests // THREADS):
                cookie = chance.choice((good, None, secrets.token_hex(32), good[::-1], *MALFORMED))
                headers = {} if cookie is None else {"Cookie": f"{COOKIE}={cookie}"}
                try:
                    answer = http.request(
                        "GET", f"{site.url}/{chance.random()}", headers=headers, timeout=10, retries=False
                    )
                except (OSError, urllib3.exceptions.HTTPError) as error:
                    wrong.append(f"{cookie}: {error}")
                    continue
                page = answer.headers.get("X-OSPI-Maintenance") == "1" and answer.status == 503
                new = answer.status == 200 and answer.data == b"old"
                if not (new if cookie == good else page):
                    wrong.append(f"{cookie}: {answer.status}")

    threads = [threading.Thread(target=work, args=[draw.random() * number]) for number in range(1, THREADS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(site.platform.seen) > requests / 60
    _invitations(site).withdraw()
    assert_page(ask(site, good))


def as_somebody(group: int, *command: str) -> subprocess.CompletedProcess[str]:
    """The command under an account without rights, in that group."""
    person = ["setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups"]
    return subprocess.run([*person, *command], capture_output=True, text=True, check=False)


def test_only_its_group_lists_the_folder_and_everybody_goes_through_it() -> None:
    require_root("accounts are changed")
    with TemporaryDirectory(prefix="ospi-invitations-") as name:
        engine, folder = Path(name) / "engine", Path(name) / "invitations"
        engine.mkdir()
        Path(name).chmod(0o755)
        os.chown(engine, 0, 12345)
        invitations = Invitations(folder, engine)
        invitations.issue()
        secret = secret_in(folder)
        assert secret is not None
        assert as_somebody(12345, "ls", str(folder)).stdout.split() == [secret]
        assert as_somebody(12345, "touch", f"{folder}/autre").returncode != 0
        assert as_somebody(65534, "ls", str(folder)).returncode != 0
        assert as_somebody(65534, "test", "-f", f"{folder}/{secret}").returncode == 0
        invitations.withdraw()
        assert (secret_in(folder), list(folder.iterdir())) == (None, [])
