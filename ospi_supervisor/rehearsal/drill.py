"""A drill: a snapshot is loaded into a twin, and the release that it belongs to started on it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ospi_supervisor.backup.contents import contents_of
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.domain.drill import Played
from ospi_supervisor.errors import BackupError, NotRehearsedError
from ospi_supervisor.rehearsal.databases import UnloadableError
from ospi_supervisor.rehearsal.play import Rehearsal
from ospi_supervisor.rehearsal.twin import PlayFailedError


@dataclass(frozen=True)
class Drill:
    """Plays snapshots on twins of the configured platform. `running` names the services that run now, None for all."""

    rehearsal: Rehearsal
    running: Callable[[], Collection[str] | None]

    def play(self, snapshot: Snapshot, tick: Callable[[], None]) -> Played:
        """Load it, start its release, ask for its health. What `tick` raises ends the twin."""
        score, lost, unusable = self.rehearsal.score(), None, False
        rows: Mapping[str, Mapping[str, int]] = {}
        loaded = False
        try:
            self._check_release(snapshot)
            contents = contents_of(self.rehearsal.config.backup.directory, snapshot.id)
            listener = Quiet(tick)
            with self.rehearsal.twin(contents, snapshot.release, score, listener) as whole:
                rows, loaded = whole.rows, True
                self.rehearsal.serve(whole, snapshot.release, self.running(), score, listener)
        except PlayFailedError as error:  # the score has it
            if any(table.systemd for table in self.rehearsal.config.platform.services):
                lost = f"ce que systemd lancerait ne fonctionne pas dans un double, qui n'a pas systemd : {error}"
        except UnloadableError as error:
            lost, unusable = str(error), True
        except (NotRehearsedError, BackupError) as error:
            lost = str(error)
        return Played(verdict=score.verdict(lost), loaded=loaded, rows=rows, unusable=unusable)

    def _check_release(self, snapshot: Snapshot) -> None:
        if snapshot.release not in self.rehearsal.releases.versions():
            raise NotRehearsedError(f"la version {snapshot.release}, avec laquelle elle va, n'est plus sur ce serveur")


@dataclass(frozen=True)
class Quiet:
    """A listener who is told nothing."""

    check: Callable[[], None]

    def progress(self, percent: float, message: str = "") -> None:
        """Nobody looks."""

    def log(self, text: str) -> None:
        """No hook runs."""

    def output(self, lines: Sequence[str], count: int) -> None:
        """No hook runs."""
