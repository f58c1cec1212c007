"""Every fault of the campaign, at every phase where it applies."""

from tests.faults import crashes, failures
from tests.faults.scenario import Scenario

RANDOM_INSTANTS = 200


def everything() -> list[Scenario]:
    """All scenarios, the random ones last."""
    found = [
        *crashes.kills(
            "worker", "SIGKILL du worker", (("before", 0), ("inside", 0.25), ("inside", 0.75), ("after", 0))
        ),
        *crashes.kills("both", "SIGKILL du worker et du web", (("inside", 0.5),)),
        *crashes.kills("web", "SIGKILL du web", (("inside", 0.5),), harmless=True),
        *crashes.cuts("cut", "coupure de courant (tout est tué)", (("inside", 0.4), ("after", 0))),
        *crashes.cuts("cut_losing", "coupure, écritures non synchronisées perdues", (("inside", 0.6), ("after", 0))),
        *crashes.each_step_of_the_copy(),
        *crashes.slow_boots(),
        *crashes.second_kills(),
        *crashes.prepared(),
        *failures.hooks(),
        *failures.services(),
        *failures.full_disks(),
        *failures.read_only(),
        *failures.unreadable(),
        *failures.postgres(),
        *failures.clocks(),
        *failures.archives(),
        *failures.dropped(),
        *(crashes.at_random(seed) for seed in range(1, RANDOM_INSTANTS + 1)),
    ]
    assert len({scenario.name for scenario in found}) == len(found)
    return found
