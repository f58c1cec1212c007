"""What HAProxy alone asks for: its Lua, folders that it sees, answers of its own that fit into its buffer."""

import re
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import SHUT_RDWR

import pytest
from playwright.sync_api import Browser

from ospi_supervisor.config.tables import Config
from ospi_supervisor.platform.proxies import render_proxy
from tests.platform.proxied import Site, running_site
from tests.platform.test_proxies import assert_page
from tests.support.certificates import Authority
from tests.support.proxies import haproxy_file
from tests.support.system import require_program, require_root, wait_until

pytestmark = pytest.mark.system

NAMES = {"public_url": "https://bi.example/", "health_url": "https://10.0.0.7/health"}
ADDRESSES = {"public_url": "http://127.0.0.1:8443/", "health_url": "http://[::1]:8080/health"}


def assert_accepted(folder: Path, *printed: str) -> None:
    """HAProxy takes the files together, with certificates that are there."""
    certificate = str(Authority(folder / "tls").server())
    command = [require_program("haproxy"), "-c"]
    for text in printed:
        file = haproxy_file(folder, re.sub(r"/etc/pki/tls/private/[\w.]+", certificate, text))
        command += ["-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("own", [{}, {"public_url": "https://own.example/"}, {"public_url": "https://own.example:444"}])
@pytest.mark.parametrize("addresses", [NAMES, ADDRESSES], ids=["names", "addresses"])
def test_what_is_printed_is_accepted(
    make_config: Callable[..., Config], tmp_path: Path, own: dict[str, str], addresses: dict[str, str]
) -> None:
    assert_accepted(tmp_path, render_proxy("haproxy", make_config(platform=addresses, supervisor=own)))


def test_two_instances_are_accepted_together(make_config: Callable[..., Config], tmp_path: Path) -> None:
    printed = [
        render_proxy("haproxy", make_config(platform=NAMES, supervisor={"instance": name})) for name in ("rh", "pmsi")
    ]
    assert_accepted(tmp_path, *printed)
    assert sorted(path.name for path in tmp_path.glob("*.lua")) == ["ospi-pmsi.lua", "ospi-rh.lua"]


def test_a_folder_that_it_cannot_see_is_told_when_it_starts() -> None:
    """Under `chroot` it would show the platform whatever the flag."""
    require_root("another root is given to a process")
    with running_site("haproxy", change=lambda printed: f"global\n    chroot /run\n{printed}") as site:
        output = site.config.maintenance.page_dir.parent / "output"
        wait_until(lambda: "ne trouve pas" in output.read_text(), "the words")
        assert f"{site.config.maintenance.page_dir}/index.html" in output.read_text()


def cut_by_the_stop(site: Site) -> None:
    """From now on the platform's requests are those that its stop cuts short, the flag being raised meanwhile."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        site.switch.on()
        handler.connection.shutdown(SHUT_RDWR)

    site.platform.handle = cut


def test_the_page_that_it_composes_works_as_the_one_that_it_sends(browser: Browser) -> None:
    """It writes no end of line, and the script's comments end at one."""
    with running_site("haproxy") as site:
        site.switch.write_status("migrate", 42, None, None, "Migration des données")
        cut_by_the_stop(site)
        with browser.new_context() as context:
            page = context.new_page()
            troubles: list[str] = []
            page.on("pageerror", lambda error: troubles.append(str(error)))
            answer = page.goto(site.url)
            assert answer is not None
            assert b"\n" not in answer.body()
            page.get_by_text("Migration des données").wait_for()
            assert troubles == []


def test_a_page_of_any_length_is_sent_and_what_does_not_fit_is_said_in_short() -> None:
    with running_site("haproxy") as site:
        page = site.config.maintenance.page_dir / "index.html"
        page.write_bytes(page.read_bytes() + b" " * 100_000)
        cut_by_the_stop(site)
        short = site.ask("GET", "/")
        assert (short.status, short.headers["X-OSPI-Maintenance"]) == (503, "1")
        assert "se recharge" in short.data.decode()
        answer = site.ask("GET", "/")
        assert_page(answer)
        assert answer.data == page.read_bytes()
