"""A release whose hook prints thousands of lines: the file has them all, and the page stays usable."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.samples import HOOKS
from ospi_supervisor.config.paths import StatePaths
from tests.e2e.conftest import sign_in
from tests.support.demo import Client, RunningDemo, begin_update, wait_for
from tests.support.prepared import lay_out_prepared
from tests.support.releases import changed_release

pytestmark = pytest.mark.system

QUICK_SECONDS = 5.0
"""How long an answer may take while the hook prints, on a machine that does other things too."""
EVENTS_A_SECOND = 5
"""Progress and output, each twice a second at most, and a little of the phases'."""
HOOK = """\
#!/usr/bin/env python3
import time

for line in range(LINES):
    print(f"ligne {line} de la préparation")
    if line % 100 == 99:
        print(f"@progress {100 * (line + 1) / LINES:.0f} {line + 1} lignes", flush=True)
        time.sleep(0.05)
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    """A demonstration of one test's own: each installs the same version."""
    running = RunningDemo(lay_out_prepared(tmp_path / "demo").root)
    yield running
    running.stop()


@pytest.mark.parametrize("lines", [2_000, pytest.param(10_000, marks=pytest.mark.full)])
def test_its_lines_reach_the_file_and_leave_the_page_usable(
    demo: RunningDemo, tmp_path: Path, page: Page, lines: int
) -> None:
    hook = HOOK.replace("LINES", str(lines)).encode()
    talkative = changed_release(demo.layout, tmp_path, {f"hooks/{HOOKS[0].name}": hook})
    page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi")
    sign_in(page, demo)
    client = Client(demo)
    update_id = begin_update(client, talkative)
    page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi?update={update_id}")
    output = page.locator("#sortie")
    expect(output).to_contain_text("de la préparation")

    slowest = slowest_answer_during(client, update_id, "stage")
    expect(output).to_contain_text(f"ligne {lines - 1} de la préparation")
    assert len(output.inner_text().splitlines()) <= 200
    page.get_by_role("link", name="Historique").click(timeout=10_000)
    expect(page.get_by_text("en cours").first).to_be_visible()

    update = client.wait_until_final(update_id)
    assert update["status"] == "succeeded"
    log = StatePaths(demo.layout.state).logs_dir / f"update-{update_id}.log"
    printed = [line for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("de la préparation")]
    assert printed == [f"ligne {line} de la préparation" for line in range(lines)]
    stage = next(phase for phase in update["phases"] if phase["name"] == "stage")
    lasted = datetime.fromisoformat(stage["ended_at"]) - datetime.fromisoformat(stage["started_at"])
    events = client.get(f"api/updates/{update_id}/events?after=0")["events"]
    assert (
        sum(event["data"].get("phase") == "stage" for event in events) <= EVENTS_A_SECOND * lasted.total_seconds() + 5
    )
    assert slowest < QUICK_SECONDS


def slowest_answer_during(client: Client, update_id: int, phase: str) -> float:
    """Ask for what the page shows until `phase` is over; how many seconds the slowest answer took."""
    slowest = 0.0

    def is_over() -> bool:
        nonlocal slowest
        for path in ("api/status", f"api/updates/{update_id}"):
            began = time.monotonic()
            document = client.get(path)
            slowest = max(slowest, time.monotonic() - began)
        return any(row["name"] == phase and row["status"] == "done" for row in document["phases"])

    wait_for(f"the end of {phase}", is_over)
    return slowest
