"""A sample of the campaign, small enough for each run of the tests: the worst points, and a seeded instant.

`make test-all` plays the rest of the worst points too, `make test-faults` all of it. A failure here is played again by
`python -m tests.faults --only NAME`.
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
    "kill_worker/inside0.75-undo-migrate",
    "cut_losing/after-do-reopen",
    *(f"random/{seed}" for seed in random.Random(2026).sample(range(1, catalogue.RANDOM_INSTANTS + 1), 1)),
]
REST = [
    "full/data-undo-migrate",
    "prepared/migrate",
    "kill_worker/inside0.25-do-migrate",
    "hook/children",
    "kill_worker/inside0.75-do-rehearse",
    "kill_worker/inside0.75-do-stage",
    "kill_then_cut/health",
    "kill_worker/after-do-validate",
    "cut/inside0.4-undo-validate",
    "cut_losing/inside0.6-undo-stop",
    "service/old-never-well",
    "service/new-never-well",
    "hook/poison",
    "damaged/undo-migrate",
    "lose_archive/stage",
    "copy/12-do-checkpoint",
    "copy/9-undo-migrate",
    "prepared/cut",
    "prepared/backup",
    "prepared/hook",
]
JOBS = 2
MINUTES = 20.0


def played(folder: Path, names: list[str]) -> dict[str, Outcome]:
    """What came of each."""
    for program in ("pg_dump", "mkfs.ext4", "setpriv"):
        require_program(program)
    require_root("disks are mounted and accounts changed")
    results = Results(folder / "results.json")
    run([scenario for scenario in catalogue.everything() if scenario.name in names], results, JOBS, MINUTES)
    return results.by_name


@pytest.mark.parametrize("names", [SAMPLE, pytest.param(REST, marks=pytest.mark.full)], ids=["sample", "rest"])
def test_wholly_old_or_wholly_new(tmp_path: Path, names: list[str]) -> None:
    outcomes = played(tmp_path, names)
    assert set(outcomes) == set(names)
    assert {name: outcome.violations for name, outcome in outcomes.items() if outcome.violations} == {}
    assert [name for name, outcome in outcomes.items() if outcome.missed] == []


def test_results_are_found_again(tmp_path: Path) -> None:
    outcome = Outcome("kill/x", "SIGKILL", "stage", "succeeded", ("lost",), False, 1.0)
    Results(tmp_path / "a.json").add(outcome)
    assert Results(tmp_path / "a.json").by_name == {"kill/x": outcome}
