"""Processes killed and power cut: at every point of every phase, twice in a row, and at random instants."""

import random
from collections.abc import Iterator
from dataclasses import replace

from ospi_supervisor.domain.lifecycle import Phase, Recovery, rule_of
from tests.faults.scenario import ROLLED_BACK, SUCCEEDED, Hit, Scenario, after_crash
from tests.faults.vendor import NEW, OLD

UNDONE = tuple(phase for phase in Phase if rule_of(phase).recovery is not Recovery.ROLL_FORWARD)
BEHIND_THE_PAGE = tuple(phase for phase in UNDONE if rule_of(phase).recovery is Recovery.ROLL_BACK)
WRONG_HEALTH = ((NEW, "health", f"version:{OLD}"),)
REFUSED_START = ((NEW, "start", "refuse"),)
STEPS = 16
"""About as many as the programs that a copy, or an exchange, starts."""
SHORT = 8.0
"""A health timeout for what never gets well: long enough for the old release to come back on a busy machine."""


def made_to_go_back(scenario: Scenario, phase: Phase) -> Scenario:
    """The scenario with what makes its update go back through `phase`: a migration, a start or a health that fails."""
    if phase is Phase.VALIDATE:
        return scenario  # somebody sends it back
    if phase is Phase.HEALTH:
        return replace(scenario, moods=WRONG_HEALTH, health_timeout=SHORT)
    if phase is Phase.START:
        return replace(scenario, moods=REFUSED_START)
    return replace(scenario, hooks="fail")


def kills(who: str, fault: str, points: tuple[tuple[str, float], ...], *, harmless: bool = False) -> Iterator[Scenario]:
    """The processes that `who` names, killed at each of `points`; `harmless`: the update does not notice."""
    action = f"kill_{who}"
    for point, place in points:
        for phase in Phase:
            yield Scenario(
                name=f"{action}/{point}{place or ''}-do-{phase}",
                fault=fault,
                phase=phase,
                hits=(Hit(action, point, "do", phase, place),),
                allowed=SUCCEEDED if harmless else after_crash(phase),
            )
        for phase in UNDONE:
            yield undo(f"{action}/{point}{place or ''}", fault, phase, (Hit(action, point, "undo", phase, place),))


def undo(name: str, fault: str, phase: Phase, hits: tuple[Hit, ...]) -> Scenario:
    """One fault on the way back, in the undo of `phase`."""
    scenario = Scenario(
        name=f"{name}-undo-{phase}", fault=f"{fault}, au retour", phase=phase, hits=hits, allowed=ROLLED_BACK
    )
    return made_to_go_back(scenario, phase)


def cuts(action: str, fault: str, points: tuple[tuple[str, float], ...]) -> Iterator[Scenario]:
    """Everything killed at once, at each of `points`, and a boot that starts the services first."""
    for point, place in points:
        for phase in Phase:
            yield Scenario(
                name=f"{action}/{point}{place or ''}-do-{phase}",
                fault=fault,
                phase=phase,
                hits=(Hit(action, point, "do", phase, place),),
                allowed=after_crash(phase),
            )
        for phase in BEHIND_THE_PAGE:
            yield undo(f"{action}/{point}{place or ''}", fault, phase, (Hit(action, point, "undo", phase, place),))


def second_kills() -> Iterator[Scenario]:
    """The recovery is killed too."""
    fault = "second SIGKILL pendant la reprise"
    for phase in Phase:
        way = "undo" if phase in BEHIND_THE_PAGE else "do"
        hits = (Hit("kill_worker", "inside", "do", phase, 0.5), Hit("kill_worker", "inside", way, phase, 0.5))
        yield Scenario(name=f"kill_twice/{phase}", fault=fault, phase=phase, hits=hits, allowed=after_crash(phase))
    for phase in (phase for phase in BEHIND_THE_PAGE if phase is not Phase.VALIDATE):  # sent back, it is never done
        hits = (Hit("kill_worker", "after", "do", phase), Hit("cut", "inside", "undo", phase, 0.5))
        yield Scenario(name=f"kill_then_cut/{phase}", fault=fault, phase=phase, hits=hits, allowed=ROLLED_BACK)


def each_step_of_the_copy() -> Iterator[Scenario]:
    """The worker killed at each step by which a database is copied in its server, and by which names are exchanged."""
    for number in range(STEPS):
        place = (number + 0.5) / STEPS
        fault = "SIGKILL du worker, à chaque pas de la copie d'une base"
        hits = (Hit("kill_worker", "inside", "do", Phase.CHECKPOINT, place),)
        yield Scenario(
            name=f"copy/{number}-do-checkpoint",
            fault=fault,
            phase=Phase.CHECKPOINT,
            hits=hits,
            allowed=after_crash(Phase.CHECKPOINT),
        )
        hits = (Hit("kill_worker", "inside", "undo", Phase.MIGRATE, place),)
        yield undo(f"copy/{number}", "SIGKILL du worker, à chaque pas de l'échange", Phase.MIGRATE, hits)


def slow_boots() -> Iterator[Scenario]:
    """After the cut the platform needs longer to answer than the worker to come back."""
    for phase in (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.MAINTENANCE, Phase.STOP, Phase.MIGRATE):
        yield Scenario(
            name=f"slow_boot/{phase}",
            fault="coupure, plateforme lente à redémarrer",
            phase=phase,
            hits=(Hit("cut", "after", "do", phase),),
            moods=((OLD, "health", "booting"),),
            health_timeout=30.0,
            allowed=after_crash(phase),
        )


def prepared() -> Iterator[Scenario]:
    """An update prepared by day: whatever happens while it waits, as its backup is made anew, and after its hour."""
    fault = "préparée, puis interrompue"
    for waiting in ("kill_worker", "kill_both", "cut"):
        yield Scenario(name=f"prepared/{waiting}", fault=fault, phase="attente", waiting=waiting, allowed=SUCCEEDED)
    for phase in Phase:
        again = phase in (Phase.PREREQUISITES, Phase.BACKUP)
        if again or rule_of(phase).recovery is not Recovery.AGAIN:
            yield Scenario(
                name=f"prepared/{phase}",
                fault=fault,
                phase=phase,
                waiting="kill_worker",
                hits=(Hit("cut" if again else "kill_worker", "inside", "do", phase, 0.5),),
                allowed=after_crash(phase),
            )
    yield Scenario(
        name="prepared/hook",
        fault="préparée, puis la migration échoue",
        phase=Phase.MIGRATE,
        waiting="cut",
        hooks="fail",
        allowed=ROLLED_BACK,
    )


def at_random(seed: int) -> Scenario:
    """One or two kills at instants that `seed` decides."""
    rng = random.Random(seed)
    who = ("kill_worker", "kill_worker", "kill_web", "kill_both", "cut", "cut_losing")
    hits = [Hit(rng.choice(who), delay=rng.uniform(0, 1.1))]
    if rng.random() < 0.35:
        hits.append(Hit("kill_worker", delay=rng.uniform(0, 0.5)))
    hooks = "fail" if rng.random() < 0.3 else "good"
    return Scenario(
        name=f"random/{seed}",
        fault="instant au hasard",
        phase="hasard",
        hits=tuple(hits),
        hooks=hooks,
        allowed=ROLLED_BACK if hooks == "fail" else SUCCEEDED | ROLLED_BACK,
    )
