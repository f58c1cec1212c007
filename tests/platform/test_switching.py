"""Whoever asks while the flag goes up and down is shown the platform or its page, and nothing else."""

import time
from collections import Counter
from contextlib import suppress
from threading import Event, Thread

import urllib3

from tests.platform.proxied import Site
from tests.platform.test_proxies import server, site

__all__ = ["server", "site"]


def test_a_hundred_requests_a_second_see_only_the_platform_or_the_page(site: Site) -> None:
    """While the flag goes up and down, and the platform dies and comes back behind it."""
    seen: Counter[str] = Counter()
    done = Event()

    def client() -> None:
        while not done.wait(0.01):
            seen[_asked(site)] += 1

    thread = Thread(target=client)
    thread.start()
    try:
        while seen.total() < 200:
            assert thread.is_alive()
            time.sleep(0.15)
            site.switch.on()
            site.switch.confirm(True)
            site.platform.stop()
            time.sleep(0.1)
            site.platform.start()
            site.switch.off()
            site.switch.confirm(False)
    finally:
        done.set()
        thread.join()
    assert set(seen) == {"platform", "page"}


def _asked(site: Site) -> str:
    """What a browser is shown. It asks again where a connection that served before was closed without an answer: so
    Apache and HAProxy do where the platform dies."""
    with suppress(urllib3.exceptions.ProtocolError):
        return _what(site, site.ask("GET", "/deep/address"))
    try:
        return _what(site, site.ask("GET", "/deep/address"))
    except urllib3.exceptions.HTTPError as error:
        return repr(error)


def _what(site: Site, answer: urllib3.BaseHTTPResponse) -> str:
    if answer.status == 200 and answer.data == b"old":
        return "platform"
    unavailable = answer.status == 503 or (site.kind, answer.status) == ("apache", 502)
    if unavailable and answer.headers.get("X-OSPI-Maintenance") == "1" and b"Portail" in answer.data:
        return "page"
    return f"{answer.status} {answer.data[:80]!r}"
