"""The real engine on a real database, over phases that only leave marks in a folder, and faults put into them.

Each phase's do makes the file `effects/PHASE` and its undo removes it, so that « wholly old » is an empty folder
and « wholly new » a full one. The trace tells in which order things were called, across processes.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.config.support_key import SupportKey
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.unlock import encode_code, parse_challenge
from ospi_supervisor.engine.engine import Engine
from ospi_supervisor.engine.unlocking import Unlocking
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.base import Facts, Registry, Run
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.engine_store import EngineStore
from tests.support.forked import forked

PRODUCT, OLD, NEW = "portail", "11.5.0", "11.6.0"
SUPPORT_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))  # the same in every process of a test

UNASKED = [phase for phase in Phase if phase is not Phase.VALIDATE]
"""The phases of an update that is not to be validated."""

Fault = Callable[[Run], None]
Faults = Mapping[str, Fault]
"""What happens at a point such as `do stage`, `did stage`, `undo stage`, `undid stage` (before or after the effect)."""


_opened: list[EngineStore | EngineReader] = []


def close_databases() -> None:
    """Close what benches opened in this process: each connection is closed by whoever made it."""
    while _opened:
        _opened.pop().close()


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


def fail(_run: Run) -> None:
    """The phase fails as phases do."""
    raise PlatformError("panne provoquée")


def crash(_run: Run) -> None:
    """A programming error: no class of ours."""
    raise ZeroDivisionError("faute de programmation")


def kill(_run: Run) -> None:
    """The process dies as by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Once:
    """A fault that happens the first time only, whatever process it happens in."""

    fault: Fault
    mark: Path

    def __call__(self, run: Run) -> None:
        if not self.mark.exists():
            self.mark.touch()
            self.fault(run)


@dataclass
class Bench:
    """A folder with a state, a trace and effects; an engine can be made on it again and again."""

    folder: Path
    state: Path = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        (self.folder / "effects").mkdir(parents=True, exist_ok=True)
        self.trace_path = self.folder / "trace"
        self.trace_path.touch()

    @property
    def paths(self) -> StatePaths:
        return StatePaths(self.state)

    @property
    def url(self) -> str:
        return sqlite_url(self.paths.engine_db)

    def once(self, fault: Fault) -> Once:
        """`fault`, the first time only."""
        return Once(fault, self.folder / "fault-happened")

    def engine(
        self, faults: Faults | None = None, *, stopping: Callable[[], bool] = lambda: False, version: str = NEW
    ) -> Engine:
        """A new engine, as a worker's start makes it."""
        return Engine(
            store=self.store(),
            registry=self.registry(faults or {}, version),
            paths=self.paths,
            clock=now,
            installed_version=lambda: OLD,
            stopping=stopping,
            retry_pause=0.01,
        )

    def unlocking(self, store: EngineStore) -> Unlocking:
        """Judges the codes of `SUPPORT_KEY`; the platform's trouble is what the file `trouble` says."""

        def find_trouble() -> str | None:
            path = self.folder / "trouble"
            return path.read_text(encoding="utf-8") if path.exists() else None

        return Unlocking(store, SupportKey(SUPPORT_KEY.public_key()).signed, find_trouble)

    def code(self, position: int = -1) -> str:
        """The support's answer to one of the locks that hold, the newest by default."""
        challenge = parse_challenge(self.reader().locks()[position]["challenge"])
        return encode_code(SUPPORT_KEY.sign(challenge.signed_text))

    def registry(self, faults: Faults, version: str = NEW) -> Registry:
        works = {phase: MarkingPhase(self, phase, faults, version) for phase in Phase}
        return Registry(works, lambda stopped: self.trace(f"before_recovery {stopped}"))

    def trace(self, line: str) -> None:
        with self.trace_path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def traced(self) -> list[str]:
        """All that was called so far, in order."""
        return self.trace_path.read_text(encoding="utf-8").splitlines()

    def phase_was_left(self, phase: Phase) -> bool:
        """Whether that phase was begun, and left on purpose."""
        return phase in self.effects() and self.phase_statuses()[phase] is PhaseStatus.PENDING

    def effects(self) -> set[str]:
        """The phases whose effect stands."""
        return {path.name for path in (self.folder / "effects").iterdir()}

    def new_update(self, **changes: Any) -> NewUpdate:
        values: dict[str, Any] = {
            "product": PRODUCT,
            "from_version": OLD,
            "source": "import",
            "requested_by": "alice",
            "archive": self.folder / "archive.ospi",
            "notice_sha256": None,
            "notice_read_at": None,
            "start_at": None,
            "validates": True,
        }
        return NewUpdate(**(values | changes))

    def admit(self, **changes: Any) -> int:
        """A new update in the database."""
        return self.store().admit(self.new_update(**changes), now())

    def run(self, faults: Faults | None = None, **options: Any) -> None:
        """Let an engine run in this process whatever is to be run."""
        self.engine(faults, **options).run_due()

    def run_in_process(self, faults: Faults | None = None) -> int | None:
        """The same in a process of its own, as a worker is; its exit code (negative: the signal that killed it)."""
        child = forked().Process(target=self.run, args=(faults,))
        child.start()
        child.join(60)
        assert child.exitcode in (0, -signal.SIGKILL), "it hangs, or failed before the engine had it"
        return child.exitcode

    # --- what everybody sees ----------------------------------------------------------------------------------

    def reader(self) -> EngineReader:
        """What everybody but the worker sees."""
        _opened.append(reader := EngineReader(self.url))
        return reader

    def store(self) -> EngineStore:
        """The worker's database."""
        _opened.append(store := EngineStore(self.url))
        return store

    def update(self, update_id: int = 1) -> dict[str, Any]:
        document = self.reader().update(update_id)
        assert document is not None
        return dict(document)

    def status(self, update_id: int = 1) -> UpdateStatus:
        return UpdateStatus(self.update(update_id)["status"])

    def phase_statuses(self, update_id: int = 1) -> dict[Phase, PhaseStatus]:
        return {Phase(row["name"]): PhaseStatus(row["status"]) for row in self.update(update_id)["phases"]}

    def events(self, update_id: int = 1) -> list[tuple[str, dict[str, Any]]]:
        return [(event.kind, dict(event.data)) for event in self.reader().events(update_id, limit=100_000)]

    def journal(self, level: str, update_id: int = 1) -> list[str]:
        """The journal's lines of one level."""
        return [
            data["message"]
            for kind, data in self.events(update_id)
            if kind in ("log", "hour") and data["level"] == level
        ]

    def locked_versions(self) -> list[str]:
        return [lock["version"] for lock in self.reader().locks()]


@dataclass
class MarkingPhase:
    """A phase that leaves a mark, and whose undo removes it."""

    bench: Bench
    phase: Phase
    faults: Faults
    version: str

    def do(self, run: Run) -> Facts:
        self._at("do", run)
        run.remember(before=True)
        self._effect.touch()
        self._at("did", run)
        return {"product": PRODUCT, "version": self.version} if self.phase is Phase.VERIFY else {"after": True}

    def undo(self, run: Run) -> None:
        self._at("undo", run)
        self._effect.unlink(missing_ok=True)
        self._at("undid", run)

    @property
    def _effect(self) -> Path:
        return self.bench.folder / "effects" / self.phase

    def _at(self, moment: str, run: Run) -> None:
        point = f"{moment} {self.phase}"
        if moment in ("do", "undo"):
            self.bench.trace(point)
        if point in self.faults:
            self.faults[point](run)
