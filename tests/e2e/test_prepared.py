"""An update is prepared on the demonstration, announced on the portal, survives its processes, and is begun at last."""

from datetime import datetime, timedelta

import pytest
import requests
from playwright.sync_api import Page, expect

from ospi_supervisor.system.clock import utc_now
from tests.e2e.conftest import Shoot
from tests.support.demo import Client, RunningDemo, wait_for

pytestmark = [pytest.mark.system, pytest.mark.full]


def status(client: Client, number: int) -> str:
    """Empty while the web process is being started again."""
    try:
        return str(client.get(f"api/updates/{number}")["status"])
    except requests.ConnectionError:
        return ""


def test_prepared_announced_killed_and_begun(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    client = Client(demo)
    at = f"{datetime.now().astimezone() + timedelta(hours=3):%Y-%m-%dT%H:%M}"
    options = ("--notice-read", "--prepare", "--switch-at", at)
    done = demo.cli("import", str(demo.archive("good")), *options)
    assert done.returncode == 0, done.stderr
    number = wait_for("the update", lambda: client.get("api/status")["update"])
    wait_for("the preparation", lambda: status(client, number) == "prepared" or None)
    assert demo.portal_version() == "11.5.0"
    for name in ("worker", "web"):
        demo.kill(name)
    told = demo.cli("announce", str(number), "--minutes", "600", "--message", "Enregistrez vos rapports.")
    assert told.returncode == 0, told.stderr
    wait_for("the banner", lambda: client.http.get(f"{demo.url}/maintenance/annonce.json").json())
    page.goto(demo.url)
    expect(page.locator("#ospi-annonce")).to_contain_text("Enregistrez vos rapports.")
    shoot(page, "annonce")
    wait_for("what waits, after the kills", lambda: status(client, number) == "prepared" or None)
    begun = utc_now()
    assert demo.cli("start", str(number)).returncode == 0
    ended = client.wait_until_final(number)
    assert ended["status"] == "succeeded", ended["failure"]
    [began] = [step["started_at"] for step in ended["phases"] if step["name"] == "maintenance"]
    assert datetime.fromisoformat(began) > begun
    assert demo.portal_version() == "11.6.0"
    wait_for("its end", lambda: client.http.get(f"{demo.url}/maintenance/annonce.json").json() == {} or None)
