"""A backup restored by hand: the data and the release that they belong to, behind the maintenance page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.backup.record import Snapshot
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.backup.snapshots import SAFETY_PREFIX
from ospi_supervisor.errors import BackupError, SupervisorError
from ospi_supervisor.phases.registry import Adapters

Say = Callable[[str], None]


@dataclass(frozen=True)
class Restoration:
    """One restoration. The caller holds the update lock."""

    adapters: Adapters
    clock: Callable[[], datetime]
    say: Say
    with_safety: bool
    """Whether what is there now is saved first; a damaged database may not let itself be."""

    def run(self, snapshot: Snapshot) -> RestoreReport:
        """Bring platform and data back to `snapshot`, and open the platform when it is well.

        Before anything changes: BackupError where the snapshot is damaged, its release is gone or the configuration
        leads elsewhere than it did. Afterwards a failure leaves the maintenance page up and says so: the same command
        takes it up again, killed or failed, and the safety snapshot, unless it was declined, holds what was there.
        """
        self._check(snapshot)
        running = self._running()
        try:
            return self._restore(snapshot, running)
        except SupervisorError as error:
            raise BackupError(
                f"{error} ; la page de maintenance est en place : corrigez puis relancez la même commande, ou contactez"
                " le support"
            ) from error

    def _check(self, snapshot: Snapshot) -> None:
        parts = self.adapters
        if problems := parts.snapshots.verify(snapshot.id):
            raise BackupError(f"la sauvegarde {snapshot.id} est refusée, rien n'a été touché : {problems[0]}")
        if snapshot.release not in parts.releases.versions():
            raise BackupError(
                f"la sauvegarde {snapshot.id} va avec la version {snapshot.release}, qui n'est plus sur ce serveur ;"
                " contactez le support"
            )
        parts.snapshots.check_same_places(snapshot)

    def _running(self) -> list[str] | None:
        """The services to start again: those that run. None, for all, where that says nothing of what should run.

        A restoration that was killed or failed left the page there, and some services stopped; damaged data may have
        stopped them, too.
        """
        parts = self.adapters
        running = [name for name, runs in parts.services.running().items() if runs]
        untouched = not parts.switch.is_on() and not parts.services.is_held()
        return running if untouched and parts.health.check(None).ok else None

    def _restore(self, snapshot: Snapshot, running: list[str] | None) -> RestoreReport:
        parts = self.adapters
        self.say("Mise en place de la page de maintenance…")
        parts.switch.prepare()
        parts.switch.on()
        parts.switch.confirm(True)
        self.say("Arrêt des services…")
        parts.services.stop()
        if self.with_safety:
            self._save_what_is_there()
        self.say(f"Restauration de {snapshot.id}…")
        report = parts.snapshots.restore(snapshot.id, progress=_nothing)
        parts.releases.point_to(snapshot.release)
        self.say(f"Démarrage des services, en version {snapshot.release}…")
        if left_out := parts.services.left_out(running):
            self.say(f"Services laissés comme avant, à l'arrêt : {', '.join(left_out)}.")
        parts.services.start(running)
        parts.health.wait(snapshot.release, parts.config.platform.health_timeout, lambda: None)
        parts.switch.off()
        parts.switch.confirm(False)
        return report

    def _save_what_is_there(self) -> None:
        parts = self.adapters
        safety = f"{SAFETY_PREFIX}{self.clock():%Y%m%d-%H%M%S}"
        self.say(f"Sauvegarde de précaution ({safety})…")
        try:
            parts.snapshots.take_full(safety, parts.releases.current(), progress=_nothing, check=lambda: None)
        except SupervisorError as error:
            raise BackupError(
                f"la sauvegarde de précaution a échoué, les données n'ont pas été touchées : {error} ; si ce sont elles"
                " qui sont endommagées, --without-safety restaure sans la prendre"
            ) from error


def _nothing(percent: float) -> None:
    """Nobody watches."""
