"""`python -m tests.faults`: the whole campaign, from where its last run on this commit stopped."""

import os
import random
import sys
from fnmatch import fnmatch

import click

from tests.faults import catalogue, crashes, report
from tests.faults.campaign import commit, results_of, run


@click.command()
@click.option("--only", help="Only the scenarios whose name matches (shell pattern), again even if they are recorded.")
@click.option("--seed", type=int, help="Only the random instant of that seed.")
@click.option("--jobs", type=int, default=max(2, os.cpu_count() or 1), show_default=True, help="Worlds side by side.")
@click.option("--minutes", type=float, default=600.0, help="Begin no scenario after so long; run again to go on.")
@click.option("--summary", is_flag=True, help="Only write the summary of what is recorded.")
def main(only: str | None, seed: int | None, jobs: int, minutes: float, summary: bool) -> None:
    """Hurt updates in every way, and hold each outcome against the oracle."""
    if os.geteuid() != 0:
        sys.exit("the campaign mounts disks and changes accounts: run it as root")
    name = commit()
    results = results_of(name)
    everything = catalogue.everything()
    if not summary:
        chosen = [scenario for scenario in everything if scenario.name not in results.by_name]
        if only or seed is not None:
            pattern = only or f"random/{seed}"
            chosen = [scenario for scenario in everything if fnmatch(scenario.name, pattern)]
            chosen = chosen or ([crashes.at_random(seed)] if seed is not None else [])
        random.Random(0).shuffle(chosen)  # a run that is stopped early has tried something of everything
        click.echo(f"{name}: {len(results.by_name)} recorded, {len(chosen)} to play")
        run(chosen, results, jobs, minutes)
    report.write(name, everything, results)
    sys.exit(1 if any(outcome.violations for outcome in results.by_name.values()) else 0)


if __name__ == "__main__":
    main()
