"""A worker whose phases prove real archives and note what they do: `python -m tests.support.starts FOLDER ROOT`.

Whether a version fails is in its number: an odd last part fails in `migrate`. The trace says `PHASE UPDATE VERSION`
for each do, across all workers that ever ran on the folder.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.deployment.automatic import REQUESTED_BY
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.requests import RunAutomaticUpdate, Source
from ospi_supervisor.engine.requests import Requests
from ospi_supervisor.errors import PlatformError, RefusedError
from ospi_supervisor.phases.base import Facts, Registry, Run
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.system.journal import log_to_stdout
from tests.support.engine import NEW, OLD, Bench, Faults, now
from tests.support.worker import Answer, make_worker

PHASE_SECONDS = 0.01
"""Long enough for starts to meet."""


@dataclass
class StartsBench(Bench):
    """The bench of such workers."""

    root: Path = Path()

    def registry(self, faults: Faults, version: str = NEW) -> Registry:
        return Registry({phase: TracingPhase(self, phase) for phase in Phase})


@dataclass
class TracingPhase:
    """Notes itself, and fails in `migrate` where the version says so."""

    bench: StartsBench
    phase: Phase

    def do(self, run: Run) -> Facts:
        facts = self._prove(run) if self.phase is Phase.VERIFY else run.facts(Phase.VERIFY)
        self.bench.trace(f"{self.phase} {run.request.id} {facts['version']}")
        time.sleep(PHASE_SECONDS)
        if self.phase is Phase.MIGRATE and is_bad(facts["version"]):
            raise PlatformError("panne provoquée")
        return facts if self.phase is Phase.VERIFY else {}

    def undo(self, run: Run) -> None:
        time.sleep(PHASE_SECONDS)

    def _prove(self, run: Run) -> Facts:
        trust = Trust(self.bench.root.read_bytes())
        with Archive.open(run.request.archive, trust, now()) as archive:
            return {"product": archive.manifest.product, "version": archive.manifest.version}


def automatic_before(requests: Requests) -> Answer:
    """Requests of the kind `auto_run` become updates as the automatic update makes them: it admits by the requests.

    Its own look at locks and at what runs is left out: the engine must need none of that.
    """

    def answer(request: RequestRow) -> None:
        if request.kind != RunAutomaticUpdate.kind:
            requests.answer(request)
            return
        update = NewUpdate(
            product="portail-bi",
            from_version=OLD,
            source=Source.AUTOMATIC,
            requested_by=REQUESTED_BY,
            archive=Path(request.payload["archive"]),
            notice_sha256=None,
            notice_read_at=None,
            start_at=None,
        )
        if requests.store.is_answered(request.id):
            return
        try:
            update_id = requests.admit(update, "Mise à jour automatique.", now())
        except RefusedError as error:
            requests.store.answer(request.id, accepted=False, message=str(error), now=now())
        else:
            requests.store.answer(request.id, accepted=True, update_id=update_id, now=now())

    return answer


def is_bad(version: str) -> bool:
    """Whether that version's migration fails."""
    return int(version.rsplit(".", 1)[1]) % 2 == 1


def main(folder: str, root: str) -> None:
    log_to_stdout()
    make_worker(StartsBench(Path(folder), root=Path(root)), {}, automatic_before).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
