"""One line for Nagios and what understands its plugins: a word, what is wrong, figures (its plugin API)."""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from ospi_supervisor.domain.findings import Finding, Grade

LONGEST = 300
"""Characters of the findings: monitoring cuts long lines, maybe in the middle of the figures."""


class State(IntEnum):
    """A plugin's exit status."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def state_of(findings: Sequence[Finding]) -> State:
    """The worst of what was found."""
    levels = {finding.level for finding in findings}
    if Grade.ERROR in levels:
        return State.CRITICAL
    return State.WARNING if Grade.WARNING in levels else State.OK


def line(state: State, words: str, figures: Mapping[str, str]) -> str:
    """`OSPI OK - words | figure=value…`, on one line: what separates the parts is taken out of the words."""
    told = " ".join(words.replace("|", "/").split())
    told = told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"
    return f"OSPI {state.name} - {told}" + "".join(
        f"{' |' if number == 0 else ''} {name}={value}" for number, (name, value) in enumerate(figures.items())
    )


def summary(findings: Sequence[Finding]) -> str:
    """The errors, else the warnings, in words; how many checks passed where there is neither."""
    for level, one, many in ((Grade.ERROR, "point faux", "points faux"), (Grade.WARNING, "avis", "avis")):
        if found := [finding.message for finding in findings if finding.level is level]:
            return f"{len(found)} {one if len(found) == 1 else many} : {' / '.join(found)}"
    return f"{len(findings)} contrôles passés"
