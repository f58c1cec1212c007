"""A backup restored by hand: the data and the release that they belong to, behind the maintenance page."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.pruning import SAFETY_PREFIX
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.events import RESTORE_STOPPED, RESTORING
from ospi_supervisor.errors import BackupError, StoppedByHandError, SupervisorError, in_words
from ospi_supervisor.platform.maintenance import MaintenanceSwitch

Say = Callable[[str], None]
Tell = Callable[[str, float], None]
"""Hears how far a step is: its name, and percents, often."""


@dataclass
class Wish:
    """That whoever restores wants to stop: `wanted` says it, as long as it is not too late."""

    wanted: Callable[[], bool] = lambda: False
    is_too_late: bool = False

    def check(self) -> None:
        """StoppedByHandError where that is wanted."""
        if self.wanted():
            raise StoppedByHandError("la restauration est abandonnée à votre demande, et rien n'a été changé")

    def too_late(self) -> None:
        """From now on it is not followed: data change."""
        self.check()
        self.is_too_late = True


@dataclass
class _Steps:
    """Tells what is done now, and how far it is: to whoever asked, and on the maintenance page once that is there."""

    say: Say
    tell: Tell
    switch: MaintenanceSwitch
    started_at: datetime
    page_is_there: bool = False

    def begin(self, words: str) -> Callable[[float], None]:
        """A step begins; what hears its percents."""
        self.say(f"{words}…")

        def progress(percent: float) -> None:
            self.tell(words, percent)
            self.show(words, percent)

        progress(0.0)
        return progress

    def show(self, words: str, percent: float = 0.0, phase: str = RESTORING) -> None:
        """Write `status.json`, a courtesy: where it cannot be written, the restoration goes on without it."""
        if self.page_is_there:
            with suppress(OSError):
                self.switch.write_status(phase, percent, self.started_at, None, words)


@dataclass(frozen=True)
class Restoration:
    """One restoration. The caller holds the update lock."""

    adapters: Adapters
    clock: Callable[[], datetime]
    say: Say
    with_safety: bool
    """Whether what is there now is saved first; a damaged database may not let itself be."""
    tell: Tell = lambda _step, _percent: None
    wish: Wish = field(default_factory=Wish)

    def run(self, snapshot: Snapshot) -> RestoreReport:
        """Bring platform and data back to `snapshot`, and open the platform when it is well.

        Before anything changes: BackupError where the snapshot is damaged, its release is gone, the configuration
        leads elsewhere than it did, or users do not get the page; OSError where a folder vanishes meanwhile. Afterwards
        a failure leaves the page in place and says what is done: the same command takes it up again, killed or failed,
        and the safety snapshot, unless it was declined, holds what was there. Once data and platform are back nothing
        is to be done again: what users entered since would be lost.

        As long as nothing has changed the wish to stop is followed: StoppedByHandError, the platform being open as it
        was. From the first datum that changes on, the restoration goes to its end.
        """
        steps = _Steps(self.say, self.tell, self.adapters.switch, self.clock())
        self._check(snapshot, steps)
        running = self._running()
        self._show_page(steps)
        try:
            report = self._restore(snapshot, running, steps)
        except StoppedByHandError:
            self._open_again(running, steps)
            raise
        except (SupervisorError, OSError) as error:
            steps.show("La restauration s'est arrêtée", phase=RESTORE_STOPPED)
            self.adapters.switch.on()  # whoever took it away meanwhile: a platform half restored is not open
            raise BackupError(
                f"{in_words(error)} ; la page de maintenance est en place : corrigez puis relancez la même commande,"
                " ou contactez le support"
            ) from error
        self._hide_page(snapshot)
        return report

    def _check(self, snapshot: Snapshot, steps: _Steps) -> None:
        parts, reading = self.adapters, steps.begin(f"Relecture de {snapshot.id}")

        def progress(percent: float) -> None:
            self.wish.check()
            reading(percent)

        if problems := parts.snapshots.verify(snapshot.id, progress):
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

    def _restore(self, snapshot: Snapshot, running: list[str] | None, steps: _Steps) -> RestoreReport:
        parts = self.adapters
        self.wish.check()
        steps.begin("Arrêt des services")
        parts.services.stop()
        parts.health.wait_for_silence()
        if self.with_safety:
            self._save_what_is_there(steps)
        self.wish.too_late()
        report = parts.snapshots.restore(snapshot.id, progress=steps.begin(f"Restauration de {snapshot.id}"))
        parts.releases.point_to(snapshot.release)
        steps.begin(f"Démarrage des services, en version {snapshot.release}")
        if left_out := parts.services.left_out(running):
            self.say(f"Services laissés comme avant, à l'arrêt : {', '.join(left_out)}.")
        parts.services.start(running)
        parts.health.wait(snapshot.release, parts.config.platform.health_timeout, lambda: None)
        return report

    def _open_again(self, running: list[str] | None, steps: _Steps) -> None:
        """Nothing was changed: the services that ran run again, and the page goes. BackupError where they do not."""
        parts = self.adapters
        steps.begin("Arrêt demandé : remise en service, rien n'a été changé")
        try:
            parts.services.start(running)
            parts.health.wait(None, parts.config.platform.health_timeout, lambda: None)
            parts.switch.hide()
        except (SupervisorError, OSError) as error:
            raise BackupError(
                f"la restauration est abandonnée et les données n'ont pas été touchées, mais {in_words(error)} ; la"
                f" page de maintenance est en place : corrigez, puis « {command_line('maintenance off')} »"
            ) from error

    def _show_page(self, steps: _Steps) -> None:
        """BackupError where users do not get it; where it was not there before, it is not asked for any more."""
        switch = self.adapters.switch
        was_on = switch.is_on()
        steps.begin("Mise en place de la page de maintenance")
        try:
            switch.prepare()
            switch.show()
            steps.page_is_there = True
        except SupervisorError as error:
            if not was_on:
                switch.off()
            raise BackupError(
                f"{error} ; la restauration n'a pas commencé, rien n'a été touché ; à cet instant, {switch.state()}"
            ) from error

    def _hide_page(self, snapshot: Snapshot) -> None:
        try:
            self.adapters.switch.hide()
        except SupervisorError as error:
            raise BackupError(
                f"la restauration de {snapshot.id} est faite, et la plateforme fonctionne en version"
                f" {snapshot.release} ; mais {error} ; corrigez, puis retirez la page"
                f" (« {command_line('maintenance off')} ») ; ne relancez pas la restauration : elle effacerait ce qui"
                " aura été saisi depuis"
            ) from error

    def _save_what_is_there(self, steps: _Steps) -> None:
        parts = self.adapters
        safety = f"{SAFETY_PREFIX}{self.clock():%Y%m%d-%H%M%S}"
        progress = steps.begin(f"Sauvegarde de précaution ({safety})")
        try:
            parts.snapshots.take_full(safety, parts.releases.current(), progress=progress, check=self.wish.check)
        except StoppedByHandError:
            raise
        except SupervisorError as error:
            raise BackupError(
                f"la sauvegarde de précaution a échoué, les données n'ont pas été touchées : {error} ; si ce sont elles"
                " qui sont endommagées, --without-safety restaure sans la prendre"
            ) from error
