"""A sample of the campaign, small enough for each run of the tests: the worst points, and a few seeded instants.

`make test-faults` runs all of it. A failure here is played again by `python -m tests.faults --only NAME`.
"""

import random
from pathlib import Path

import pytest

from tests.faults import catalogue
from tests.faults.campaign import Results, run
from tests.faults.play import Outcome
from tests.support.system import require_program, require_root

pytestmark = pytest.mark.system

SAMPLE = [
    "kill_worker/inside0.75-do-stage",
    "kill_worker/inside0.25-do-migrate",
    "kill_worker/inside0.75-undo-migrate",
    "kill_then_cut/health",
    "cut_losing/after-do-reopen",
    "cut_losing/inside0.6-undo-stop",
    "full/data-undo-migrate",
    "hook/children",
    "service/old-never-well",
    "damaged/undo-migrate",
    "lose_archive/stage",
    *(f"random/{seed}" for seed in random.Random(2026).sample(range(1, catalogue.RANDOM_INSTANTS + 1), 3)),
]
JOBS = 4
MINUTES = 20.0


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What came of each."""
    for program in ("pg_dump", "mkfs.ext4", "setpriv"):
        require_program(program)
    require_root("disks are mounted and accounts changed")
    results = Results(tmp_path_factory.mktemp("faults") / "results.json")
    run([scenario for scenario in catalogue.everything() if scenario.name in SAMPLE], results, JOBS, MINUTES)
    return results.by_name


@pytest.mark.parametrize("name", SAMPLE)
def test_wholly_old_or_wholly_new(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert outcome.violations == ()
    assert not outcome.missed


def test_results_are_found_again(tmp_path: Path) -> None:
    outcome = Outcome("kill/x", "SIGKILL", "stage", "succeeded", ("lost",), False, 1.0)
    Results(tmp_path / "a.json").add(outcome)
    assert Results(tmp_path / "a.json").by_name == {"kill/x": outcome}
