"""A thousand wrong passwords against the real processes, while whoever knows theirs goes on signing in."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from ospi_supervisor.domain.sign_in import FROM_ALL, FROM_ONE
from ospi_supervisor.publisher.customer_area.customers import Customers
from tests.publisher.test_customer_area_served import running, serve_command
from tests.support.site import PASSWORD, Archives, Site
from tests.support.system import free_port
from tests.support.web_process import web_process

pytestmark = [pytest.mark.full, pytest.mark.system]

OURS = "192.0.2.1"
"""The address of the administrator, and of half the guesses; the others come from a thousand others."""
GUESSES, HANDS = 1000, 16
WRONG, THROTTLED = (401, 403), 429


@dataclass
class Door:
    """A sign-in page behind a trusted proxy, and an account that there is."""

    url: str
    name: str
    password: str

    def sign_in(self, session: requests.Session, password: str, address: str) -> int:
        """The status of one try."""
        session.headers["X-Forwarded-For"] = address
        page = session.get(f"{self.url}/connexion", timeout=60).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None, page
        fields = {"username": self.name, "password": password, "csrf_token": token[1]}
        answer = session.post(f"{self.url}/connexion", fields, timeout=60, allow_redirects=False)
        return answer.status_code

    def usual(self, usual: requests.Session) -> int:
        """A sign-in from a browser that keeps what makes it known, and nothing else of its last one."""
        for cookie in [cookie for cookie in usual.cookies if not cookie.name.endswith("navigateur")]:
            usual.cookies.clear(cookie.domain, cookie.path, cookie.name)
        return self.sign_in(usual, self.password, OURS)


@pytest.fixture(params=["supervisor", "customer area"])
def door(request: pytest.FixtureRequest, tmp_path: Path, platform: str, archives: Archives) -> Iterator[Door]:
    port = free_port()
    if request.param == "supervisor":
        site = Site(tmp_path / "site", platform, archives.root, port=port)
        text = site.config_path.read_text().replace("[supervisor]", '[supervisor]\ntrusted_proxies = ["127.0.0.1"]')
        site.config_path.write_text(text)
        with web_process(site, port) as web:
            yield Door(web.url, "admin", PASSWORD)
        site.close()
    else:
        (tmp_path / "repository").mkdir()
        Customers(tmp_path / "customers.json").put("chu-lyon", PASSWORD, {})
        with running(serve_command(port), tmp_path, port):
            yield Door(f"http://127.0.0.1:{port}", "chu-lyon", PASSWORD)


def test_a_thousand_wrong_passwords_keep_nobody_out(door: Door) -> None:
    """From the administrator's own address and from elsewhere, as fast as they go."""
    with requests.Session() as usual:
        assert door.usual(usual) == 303
        ended, accepted = threading.Event(), Counter[int]()

        def go_on() -> None:
            while not ended.wait(0.5):
                accepted[door.usual(usual)] += 1

        def guess(number: int) -> tuple[bool, int]:
            ours = number % 2 == 0
            with requests.Session() as guesser:
                address = OURS if ours else f"198.51.{number // 250}.{number % 250}"
                return ours, door.sign_in(guesser, f"faux {number}", address)

        with ThreadPoolExecutor(HANDS + 1) as pool:
            going_on = pool.submit(go_on)
            answers = Counter(pool.map(guess, range(GUESSES)))
            ended.set()
            going_on.result()
    assert set(accepted) == {303}
    assert accepted[303] >= 3
    assert {status for _, status in answers} <= {*WRONG, THROTTLED}
    tried = {ours: sum(answers[ours, status] for status in WRONG) for ours in (True, False)}
    assert tried[True] < FROM_ONE
    assert 1 <= tried[True] + tried[False] < FROM_ALL
