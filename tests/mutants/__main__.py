"""`python -m tests.mutants [--room NAME]… [--sample N] [--seed N]`: how much the tests notice, and what they do not."""

import random
import sys
import tempfile
from pathlib import Path

import click

from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.rooms import ROOMS
from tests.mutants.workshop import ROOT, Workshop

ENOUGH_PERCENT = 92.0


@click.command()
@click.option("--room", "names", multiple=True, type=click.Choice(sorted(ROOMS)), help="all of them by default")
@click.option("--sample", default=40, show_default=True, help="mutants of each room")
@click.option("--seed", default=1, show_default=True)
def main(names: tuple[str, ...], sample: int, seed: int) -> None:
    """Try a seeded sample of mutants of each room; exit 1 where fewer than 92 % are killed."""
    killed = tried = 0
    for name in names or sorted(ROOMS):
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            workshop = Workshop(Path(folder) / "checkout", ROOMS[name])
            workshop.survey()
            for module, mutant in drawn(name, sample, seed):
                dead = workshop.is_killed(module, mutant)
                killed, tried = killed + dead, tried + 1
                if not dead:
                    tell(module, mutant)
        click.echo(f"{name}: {killed} of {tried} killed so far")
    percent = 100 * killed / tried
    click.echo(f"{killed} of {tried} mutants killed: {percent:.1f} %")
    sys.exit(percent < ENOUGH_PERCENT)


def drawn(name: str, sample: int, seed: int) -> list[tuple[Path, Mutant]]:
    """So many mutants of a room, the same ones for the same seed and sources."""
    every = [(module, mutant) for module in ROOMS[name].sources(ROOT) for mutant in mutants_of(module.read_bytes())]
    return random.Random(f"{seed} {name}").sample(every, min(sample, len(every)))


def tell(module: Path, mutant: Mutant) -> None:
    """One survivor, in two lines."""
    old, new = (" ".join(text.split()) for text in (mutant.old, mutant.new))
    click.echo(f"survived  {module.relative_to(ROOT)}:{mutant.line}\n          {old}  ->  {new}")


if __name__ == "__main__":
    main()
