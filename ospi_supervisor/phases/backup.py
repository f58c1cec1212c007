"""Phase `backup`: a full snapshot while the platform serves. Undo: drop a partial one, keep a complete one, which
takes the place of an old one."""

from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.plan import checkpoint_id, full_snapshot_id
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts

UNLOADABLE = "unloadable"
"""The fact that names the databases whose dump does not load."""


@dataclass(frozen=True)
class Backup:
    """Takes the snapshot, which proves itself readable before it counts."""

    snapshots: Snapshots

    def do(self, run: Run) -> Facts:
        """The snapshot's name and size. What links hide from it is told in the journal.

        RefusedError where a database could not come back: its dump does not load, and its server cannot copy it.
        """
        name = full_snapshot_id(run.request.id)
        run.remember(snapshot=name)
        self.snapshots.drop(name)
        self.snapshots.forget_copies()  # an update that ended by an intervention may have left some
        if words := self.snapshots.unsaved(run.check):
            run.journal(Level.WARNING, words)
        snapshot = self.snapshots.take_full(
            name, run.request.from_version, progress=lambda percent: run.progress(percent), check=run.check
        )
        run.journal(Level.INFO, f"Données sauvegardées et relues : {size(snapshot.size)}.")
        return {"snapshot": name, "size": snapshot.size, UNLOADABLE: self._prove_way_back(name, run)}

    def _prove_way_back(self, name: str, run: Run) -> list[str]:
        """The databases whose dump does not load: RefusedError where one of them could only come back from it.

        Each is loaded whole: at `checkpoint` its server may, all the same, not copy it.
        """
        run.progress(100, "Rechargement des bases à l'essai")
        unloadable = self.snapshots.unloadable(name, run.check)
        without_copy = self.snapshots.without_copy(run.check)
        for base, why in without_copy.items():
            run.journal(Level.WARNING, f"Base « {base} » : {why} ; elle sera exportée pendant la page de maintenance.")
        for base, why in unloadable.items():
            if base in without_copy:
                raise RefusedError(
                    f"base « {base} » : rien ne la ramènerait après une migration manquée. Elle ne peut être copiée :"
                    f" {without_copy[base]} ; et {why} ; corrigez l'un ou l'autre",
                    code="way_back",
                )
            run.journal(
                Level.WARNING,
                f"Base « {base} » : {why}. Cette mise à jour n'en a pas besoin, car son serveur copie la base ; mais"
                " une restauration demandée à la main échouerait : corrigez-la.",
            )
        return list(unloadable)

    def undo(self, run: Run) -> None:
        """A complete snapshot stays: it is a good backup, whatever became of the update.

        Old ones go as after a success: where no night is long enough, each night brings one more.
        """
        name = full_snapshot_id(run.request.id)
        self.snapshots.drop_if_partial(name)
        if any(snapshot.id == name for snapshot in self.snapshots.list()):
            self.snapshots.prune({name, checkpoint_id(run.request.id)})


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Backup(parts.snapshots)
