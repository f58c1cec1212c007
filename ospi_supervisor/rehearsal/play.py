"""A rehearsal: the hooks, the services and the health check of an update, played on a twin."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import msgspec

from ospi_supervisor.backup.contents import Contents, contents_of
from ospi_supervisor.config.redaction import redactor_of
from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.deployment.environment import environment_of_hooks
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.domain.rehearsal import Outcome, Step, Verdict
from ospi_supervisor.errors import BackupError, NotRehearsedError, in_words
from ospi_supervisor.platform.hook_output import kept_where
from ospi_supervisor.platform.room import free_bytes
from ospi_supervisor.rehearsal.databases import UnloadableError
from ospi_supervisor.rehearsal.reasons import of_the_twin
from ospi_supervisor.rehearsal.twin import Listener, PlayFailedError
from ospi_supervisor.rehearsal.units import unit_of
from ospi_supervisor.rehearsal.whole import Whole, whole_twin

REHEARSAL = {"OSPI_REHEARSAL": "1"}
DATA, SERVICES, HEALTH = "Double de la plateforme", "Démarrage des services", "Contrôle de la plateforme"
HOOKS_FROM, SERVICES_FROM, HEALTH_FROM = 30.0, 85.0, 92.0
"""Where in the bar each begins."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be rehearsed: the release that `manifest` describes, staged, on the data of a snapshot.

    `running` names the services that run, None for all; `interpreters` are what its programs ask the machine for.
    """

    snapshot_id: str
    manifest: Manifest
    from_version: str
    update_id: int
    log_folder: Path
    running: Collection[str] | None = None
    interpreters: Sequence[str] = ()


@dataclass
class Score:
    """What was played so far."""

    steps: list[Step] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    clean: Callable[[str], str] = lambda words: words
    """What programs said may hold secrets: no reason does."""

    @contextmanager
    def step(self, title: str, phase: str = "", sees: Callable[[Path], bool] = lambda _: True) -> Iterator[None]:
        """One step, played in the block. PlayFailedError where it failed by its own fault, NotRehearsedError where that
        was the twin's."""
        began = time.monotonic()

        def note(outcome: Outcome, reason: str = "") -> None:
            seconds = round(time.monotonic() - began, 3)
            words = self.clean(reason)
            self.steps.append(Step(title=title, outcome=outcome, seconds=seconds, reason=words, phase=phase))

        try:
            yield
        except PlayFailedError as error:
            if (why := of_the_twin(error.said, sees)) is not None:
                note(Outcome.NOT_REHEARSED, f"{why} ({error})")
                raise NotRehearsedError(f"« {title} » : {why} ({error})") from error
            note(Outcome.REFUSED, str(error))
            raise
        except (NotRehearsedError, BackupError, OSError) as error:
            note(Outcome.NOT_REHEARSED, in_words(error))
            kind = UnloadableError if isinstance(error, UnloadableError) else NotRehearsedError
            raise kind(f"« {title} » : {in_words(error)}") from error
        note(Outcome.REHEARSED)

    def weigh(self, weight: int) -> None:
        """What the last step weighed."""
        self.steps[-1] = replace(self.steps[-1], bytes=weight)

    def verdict(self, lost: str | None) -> Verdict:
        """`lost` says why the rehearsal was given up, where it was."""
        refused = next((step for step in self.steps if step.outcome is Outcome.REFUSED), None)
        outcome = Outcome.NOT_REHEARSED if lost is not None else Outcome.REFUSED if refused else Outcome.REHEARSED
        reason = self.clean(lost or "") or (f"« {refused.title} » : {refused.reason}" if refused else "")
        return Verdict(outcome=outcome, reason=reason, steps=tuple(self.steps), limits=tuple(self.limits))


@dataclass(frozen=True)
class Rehearsal:
    """Plays updates on twins of the configured platform."""

    config: Config
    releases: Releases

    def play(self, asked: Asked, listener: Listener) -> Verdict:
        """Play it all. What the twin cannot play is told in the verdict; what `listener` raises ends the twin."""
        score, lost = self.score(), None
        clean = _Clean(listener, redactor_of(self.config).clean_lines)
        try:
            contents = contents_of(self.config.backup.directory, asked.snapshot_id)
            try:
                with self.twin(contents, asked.manifest.version, score, clean, asked.interpreters) as whole:
                    self._hooks(whole, asked, score, clean)
                    self.serve(whole, asked.manifest.version, asked.running, score, clean)
            except PlayFailedError:
                if score.steps[-1].title in (SERVICES, HEALTH):
                    self._hold_against_installed(contents, asked, clean)
        except (NotRehearsedError, BackupError) as error:
            lost = str(error)
        return score.verdict(lost)

    def score(self) -> Score:
        """One on which nothing was played yet."""
        return Score(clean=redactor_of(self.config).clean)

    @contextmanager
    def twin(
        self, contents: Contents, version: str, score: Score, listener: Listener, interpreters: Sequence[str] = ()
    ) -> Iterator[Whole]:
        """A twin with `version` in service, which is a step of its own."""
        shown = (*interpreters, *self._named_by_units())
        twin = whole_twin(self.config, self.releases, contents, version, listener, shown)
        with score.step(DATA):
            whole = twin.__enter__()
        score.weigh(whole.weight)
        score.limits += whole.limits
        try:
            yield whole
        finally:
            twin.__exit__(None, None, None)

    def _hooks(self, whole: Whole, asked: Asked, score: Score, listener: Listener) -> None:
        """The hooks of `migrate`, in their order."""
        hooks = asked.manifest.hooks_of(HookPhase.MIGRATE)
        share = (SERVICES_FROM - HOOKS_FROM) / max(1, len(hooks))
        for position, hook in enumerate(hooks):
            with score.step(hook.title, HookPhase.MIGRATE.value, whole.sees):
                self._hook(whole, asked, hook, listener, (HOOKS_FROM + position * share, share))

    def _hook(self, whole: Whole, asked: Asked, hook: Hook, listener: Listener, bar: tuple[float, float]) -> None:
        first, share = bar
        release = self.releases.path(asked.manifest.version)
        kept = kept_where(free_bytes(asked.log_folder))
        env = environment_of_hooks(
            self.config,
            self.releases,
            from_version=asked.from_version,
            to_version=asked.manifest.version,
            update_id=asked.update_id,
        )
        listener.progress(first, hook.title)
        if hook.not_rehearsed:
            raise NotRehearsedError(f"l'éditeur demande de ne pas le répéter : {hook.not_rehearsed}")
        whole.twin.play(
            "hook",
            lambda percent, text: listener.progress(first + share * percent / 100, text or hook.title),
            executable=str(release / "hooks" / hook.name),
            env=env | REHEARSAL,
            cwd=str(release),
            account=self.config.platform.account,
            timeout=hook.timeout,
            kept=[kept.head, kept.tail],
        )

    def serve(
        self, whole: Whole, version: str, running: Collection[str] | None, score: Score, listener: Listener
    ) -> None:
        """Start the services, and ask the health address for `version`."""
        platform = self.config.platform
        listener.progress(SERVICES_FROM, SERVICES)
        tables = [table for table in platform.services if running is None or table.name in running]
        with score.step(SERVICES, "start", whole.sees):
            for is_unit, some in groupby(tables, lambda table: table.systemd is not None):
                if is_unit:
                    self._serve_units(whole, some)
                else:
                    commands = msgspec.to_builtins(list(some), enc_hook=str)
                    whole.twin.play("services", tables=commands, account=platform.account)
        listener.progress(HEALTH_FROM, HEALTH)
        with score.step(HEALTH, "health", whole.sees):
            whole.twin.play(
                "health",
                url=platform.health_url,
                ca_bundle=str(platform.ca_bundle) if platform.ca_bundle else None,
                version=version,
                timeout=platform.health_timeout,
            )

    def _serve_units(self, whole: Whole, tables: Iterable[ServiceTable]) -> None:
        """What systemd would start; its jobs are left to their timers, as by an update."""
        for table in tables:
            unit = unit_of(table)
            if unit is not None:
                whole.twin.serve(unit, table.timeout)

    def _named_by_units(self) -> Iterator[str]:
        """What the twin must show of the machine for them; one that is not known is told where it is to be started."""
        for table in self.config.platform.services:
            if table.systemd is not None:
                with suppress(NotRehearsedError):
                    unit = unit_of(table)
                    yield from unit.words() if unit is not None else ()

    def _hold_against_installed(self, contents: Contents, asked: Asked, listener: Listener) -> None:
        """NotRehearsedError where the installed release does not serve in a twin either: it lacks something that they
        need, and its failure says nothing of the new one."""
        score = self.score()
        try:
            with self.twin(contents, asked.from_version, score, listener) as whole:
                self.serve(whole, asked.from_version, asked.running, score, listener)
        except (PlayFailedError, NotRehearsedError) as error:
            raise NotRehearsedError(
                f"la version installée ne fonctionne pas non plus dans le double, à qui il manque donc quelque chose :"
                f" {error}"
            ) from error


@dataclass(frozen=True)
class _Clean:
    """A listener who is told nothing secret."""

    listener: Listener
    clean: Callable[[str], str]

    def progress(self, percent: float, message: str = "") -> None:
        self.listener.progress(percent, self.clean(message))

    def log(self, text: str) -> None:
        self.listener.log(self.clean(text))

    def output(self, lines: Sequence[str], count: int) -> None:
        self.listener.output([self.clean(line) for line in lines], count)

    def check(self) -> None:
        self.listener.check()
