"""The summary in `docs/fiabilite.md`: the table fault × phase → outcome, between two marks of that page."""

from collections import Counter
from collections.abc import Sequence

import click

from ospi_supervisor.domain.lifecycle import Phase
from tests.faults.campaign import Results
from tests.faults.play import Outcome
from tests.faults.scenario import Scenario
from tests.faults.world import REPOSITORY

PAGE = REPOSITORY / "docs/fiabilite.md"
BEGIN, END = "<!-- tableau -->", "<!-- fin du tableau -->"
LETTERS = {
    "succeeded": "N",
    "rolled_back": "A",
    "failed": "A",
    "refused": "A",
    "cancelled": "A",
    "intervention": "I",
}
COLUMNS = (*(phase.value for phase in Phase), "attente", "hasard")


def write(commit: str, everything: Sequence[Scenario], results: Results) -> None:
    """Print the table and put it into the page."""
    table = render(commit, everything, results)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    click.echo(table)


def render(commit: str, everything: Sequence[Scenario], results: Results) -> str:
    """The counts, then one line for each fault."""
    outcomes = [results.by_name[scenario.name] for scenario in everything if scenario.name in results.by_name]
    violations = [outcome for outcome in outcomes if outcome.violations]
    missed = sum(outcome.missed for outcome in outcomes)
    random = sum(outcome.phase == "hasard" for outcome in outcomes)
    lines = [
        "",
        f"Version éprouvée : `{commit}`. Cas joués : **{len(outcomes)}** sur {len(everything)}, dont {random} instants"
        f" au hasard. Violations de l'oracle : **{len(violations)}**.",
        f"Cas où la mise à jour était finie avant la panne : {missed}.",
        "",
        f"| panne | {' | '.join(COLUMNS)} |",
        f"|---|{'---|' * len(COLUMNS)}",
    ]
    for fault in dict.fromkeys(scenario.fault for scenario in everything):
        mine = [outcome for outcome in outcomes if outcome.fault == fault]
        cells = [_cell([outcome for outcome in mine if outcome.phase == column]) for column in COLUMNS]
        if mine:
            lines.append(f"| {fault} | {' | '.join(cells)} |")
    for outcome in violations:
        lines.append(f"\nViolation : `python -m tests.faults --only {outcome.name}` — {' ; '.join(outcome.violations)}")
    return "\n".join([*lines, ""])


def _cell(outcomes: Sequence[Outcome]) -> str:
    counts = Counter("✗" if outcome.violations else LETTERS.get(outcome.status, "?") for outcome in outcomes)
    return " ".join(f"{letter}{count}" for letter, count in sorted(counts.items()))
