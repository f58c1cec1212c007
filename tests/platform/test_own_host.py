"""The printed configurations where the supervisor has its own host name, and what they refuse where it has none."""

from collections.abc import Iterator

import pytest
import urllib3

from ospi_supervisor.domain.proxies import KINDS
from tests.platform.proxied import Site, running_site

pytestmark = pytest.mark.system

OWN, PLATFORM = "superviseur.localhost", "portail.localhost"


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param, OWN) as site:
        yield site


@pytest.fixture
def site(server: Site) -> Site:
    server.supervisor.seen.clear()
    server.platform.seen.clear()
    return server


def ask(site: Site, host: str, path: str, method: str = "GET", **headers: str) -> urllib3.BaseHTTPResponse:
    port = site.url.rpartition(":")[2]
    return site.ask(method, path, headers={"Host": f"{host}:{port}", **headers})


def test_the_platforms_address_leads_to_the_supervisors_own(site: Site) -> None:
    port = site.url.rpartition(":")[2]
    for path in ("/superviseur", "/superviseur/mises-a-jour/suivi?update=3"):
        answer = ask(site, PLATFORM, path)
        assert (answer.status, answer.headers["Location"]) == (302, f"http://{OWN}:{port}{path}")
    assert site.supervisor.seen == site.platform.seen == []


def test_the_own_host_serves_the_supervisor_and_nothing_else(site: Site) -> None:
    assert ask(site, OWN, "/superviseur/api/status").status == 200
    assert [path for _, path, _ in site.supervisor.seen] == ["/superviseur/api/status"]
    assert ask(site, OWN, "/").headers["Location"].endswith("/superviseur/")
    assert ask(site, OWN, "/rapports").status == 404
    assert site.platform.seen == []


def test_the_platform_may_have_its_service_worker_there(site: Site) -> None:
    answer = ask(site, PLATFORM, "/sw.js", **{"Service-Worker": "script"})
    assert (answer.status, answer.data) == (200, b"old")


def test_maintenance_is_the_platforms_alone(site: Site) -> None:
    site.switch.on()
    try:
        assert ask(site, PLATFORM, "/").status == 503
        assert ask(site, PLATFORM, "/superviseur/").status == 302
        assert ask(site, OWN, "/superviseur/").status == 200
    finally:
        site.switch.off()


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_shared_address_the_platform_has_no_service_worker(kind: str) -> None:
    with running_site(kind) as site:  # type: ignore[arg-type]
        for path in ("/sw.js", "/rapports/sw.js"):
            assert site.ask("GET", path, headers={"Service-Worker": "script"}).status == 403
        assert site.platform.seen == []
        assert site.ask("GET", "/sw.js").status == 200
