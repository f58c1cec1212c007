"""The customer area as the real command serves it, alone and behind nginx, to programs and to a real browser."""

import hashlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page

from ospi_supervisor.feed.catalogue import check
from ospi_supervisor.feed.transport import Transport
from tests.support.system import free_port, listens, require_program, wait_until

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "publication.md"
SCREENSHOTS = Path(__file__).parents[2] / "test-results" / "screenshots"
FULL = "telecharger/pmsipilot/pmsipilot-11.6.0.ospi"

NGINX = """
daemon off; user root; worker_processes 1; pid {folder}/pid;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """A server in a process of its own, until the end of the block."""
    process = subprocess.Popen(command, cwd=folder)
    try:
        wait_until(lambda: listens(port), f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait(10)


def serve_command(port: int, *options: str) -> list[str]:
    program = "from ospi_supervisor.publisher.cli import main; main()"
    files = ["--repository", "repository", "--customers", "customers.json"]
    return [sys.executable, "-c", program, "serve", *files, "--listen", f"127.0.0.1:{port}", *options]


@pytest.fixture(scope="module")
def site(vendor: Path) -> Iterator[str]:
    """The real command."""
    port = free_port()
    with running(serve_command(port), vendor, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def fronted(vendor: Path, tmp_path: Path) -> Iterator[str]:
    """The real nginx with the configuration that the documentation gives, TLS aside, before the real command."""
    program = require_program("nginx")
    behind, front = free_port(), free_port()
    block = re.search(r"```nginx\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    documented = re.sub(r"ssl_certificate.*;", "", block[1]).replace("443 ssl", f"127.0.0.1:{front}")
    documented = documented.replace("127.0.0.1:8820", f"127.0.0.1:{behind}")
    documented = documented.replace("/srv/ospi/depot", str(vendor / "repository"))
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, documented=documented))
    nginx = [program, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    with running(serve_command(behind, "--accel", "/interne/"), vendor, behind), running(nginx, tmp_path, front):
        yield f"http://127.0.0.1:{front}/"


@pytest.mark.parametrize("address", ["127.0.0.1:1x", "127.0.0.1:99999", "127.0.0.1", "", "nulle-part.invalid:8820"])
def test_an_address_that_is_none_is_wrong_usage(vendor: Path, address: str) -> None:
    command = [*serve_command(0)[:-1], address]
    refused = subprocess.run(command, cwd=vendor, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2, refused.stderr
    assert "--listen" in refused.stderr
    assert f"« {address.removesuffix(':8820')}" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.system
def test_behind_nginx_as_documented(fronted: str, vendor: Path, tmp_path: Path) -> None:
    built = (vendor / "built" / "pmsipilot-11.6.0.ospi").read_bytes()
    root = (vendor / "keys" / "root.json").read_bytes()
    assert check(Transport(), f"{fronted}repository/", tmp_path / "state", root).offers
    with requests.Session() as browser:
        page = browser.get(f"{fronted}connexion", timeout=10).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found
        form = {"username": "chu-lyon", "password": "mot de passe", "csrf_token": found[1]}
        assert "Mise à jour PMSIpilot" in browser.post(f"{fronted}connexion", data=form, timeout=10).text
        whole = browser.get(fronted + FULL, timeout=10)
        assert whole.content == built
        assert whole.headers["Content-Disposition"] == "attachment; filename=pmsipilot-11.6.0.ospi"
        rest = browser.get(fronted + FULL, headers={"Range": "bytes=1000-"}, timeout=10)
        assert (rest.status_code, rest.content) == (206, built[1000:])
        place = f"interne/pmsipilot/{hashlib.sha256(built).hexdigest()}.pmsipilot-11.6.0.ospi"
        for hidden in (place, "repository/metadata/.lock"):
            assert browser.get(fronted + hidden, timeout=10).status_code == 404


def test_the_automatic_update_reads_the_same_server(site: str, vendor: Path, tmp_path: Path) -> None:
    root = (vendor / "keys" / "root.json").read_bytes()
    catalogue = check(Transport(), f"{site}repository/", tmp_path / "state", root)
    assert {offer.version for offer in catalogue.offers} == {"11.5.0", "11.6.0", "2.0.0"}
    archive = next(offer for offer in catalogue.offers if offer.base is None and offer.version == "11.6.0")
    answer = requests.get(f"{site}repository/targets/{archive.stored_path}", headers={"Range": "bytes=10-"}, timeout=10)
    assert answer.status_code == 206
    assert len(answer.content) == archive.size - 10


def test_a_long_form_is_refused(site: str) -> None:
    assert requests.post(f"{site}connexion", data=b"x" * 200_000, timeout=10).status_code == 413


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.mark.system
@pytest.mark.parametrize("width", [1280, 390])
def test_from_sign_in_to_the_downloaded_archive(site: str, vendor: Path, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, accept_downloads=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(site)
    page.get_by_label("Identifiant").fill("chu-lyon")
    page.get_by_label("Mot de passe").fill("mot de passe")
    picture(page, f"espace-connexion-{width}")
    page.get_by_role("button", name="Se connecter").click()
    page.get_by_role("heading", name="Mise à jour PMSIpilot").wait_for()
    picture(page, f"espace-logiciels-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger la version 11.6.0", exact=True).click()
    saved = Path(download.value.path())
    assert download.value.suggested_filename == "pmsipilot-11.6.0.ospi"
    assert saved.read_bytes() == (vendor / "built" / "pmsipilot-11.6.0.ospi").read_bytes()
    page.get_by_role("button", name="Se déconnecter").click()
    page.get_by_role("heading", name="Connexion").wait_for()
    assert problems == []
    context.close()


def resident(pid: int) -> int:
    """Bytes of memory that the process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def test_twenty_sign_ins_leave_no_memory_behind(vendor: Path) -> None:
    """What proving a password takes stays with the thread that took it: one thread proves them all."""
    port = free_port()
    process = subprocess.Popen(serve_command(port), cwd=vendor)
    try:
        wait_until(lambda: listens(port), "the area listens")
        before = resident(process.pid)

        def sign_in(_: int) -> None:
            with requests.Session() as session:
                page = session.get(f"http://127.0.0.1:{port}/connexion").text
                token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
                assert token is not None
                fields = {"username": "chu-lyon", "password": "mot de passe", "csrf_token": token[1]}
                session.post(f"http://127.0.0.1:{port}/connexion", fields)

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(sign_in, range(20)))
        assert resident(process.pid) - before < 80_000_000
    finally:
        process.terminate()
        process.wait(10)


def test_a_page_comes_however_many_send_slowly(vendor: Path) -> None:
    port = free_port()
    slow_post = b"POST /connexion HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\na"
    with running(serve_command(port), vendor, port), ExitStack() as lines:
        for _ in range(300):
            lines.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(slow_post)
        assert requests.get(f"http://127.0.0.1:{port}/connexion", timeout=20).status_code == 200
