"""Phase `rehearse`: what the configuration and the support say of it."""

from collections.abc import Callable
from typing import Any

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.rehearsal import Outcome
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.rehearse import Rehearse
from ospi_supervisor.rehearsal.play import Rehearsal
from tests.phases.conftest import MemoryRun

Make = Callable[..., Config]


def phase_of(config: Config, by: str | None = None) -> Rehearse:
    return Rehearse(config, Rehearsal(config, Releases(config.platform.root)), lambda *_: by)


@pytest.mark.parametrize(("mode", "by"), [("never", None), ("required", "bob")])
def test_nothing_is_played_where_the_configuration_or_the_support_says_so(
    make_config: Make, make_run: Callable[[Phase], MemoryRun], mode: str, by: str | None
) -> None:
    run = make_run(Phase.REHEARSE)
    facts: Any = phase_of(make_config(rehearsal={"mode": mode}), by).do(run)
    assert facts["outcome"] == Outcome.NOT_REHEARSED
    assert (by or "rehearsal.mode") in facts["reason"]
    assert bool(run.warnings) == (by is not None)


@pytest.mark.parametrize(("mode", "refused"), [("when_possible", False), ("required", True)])
def test_what_cannot_be_played_refuses_only_where_a_rehearsal_is_required(
    make_config: Make, make_run: Callable[[Phase], MemoryRun], mode: str, refused: bool
) -> None:
    run = make_run(Phase.REHEARSE)
    phase = phase_of(make_config(rehearsal={"mode": mode}))  # of a snapshot that there is not
    if refused:
        with pytest.raises(RefusedError, match="l'exige"):
            phase.do(run)
    else:
        assert phase.do(run)["outcome"] == Outcome.NOT_REHEARSED
        assert "non répétée" in run.warnings[0]
    phase.undo(run)
