"""What a twin may take of the machine: memory by a cgroup where one can be made, else by looking; time; disk."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.platform.machine import CGROUP_ROOT
from ospi_supervisor.platform.room import free_bytes

PREFIX = "ospi-repetition-"
LOOK_SECONDS = 0.5
DYING_SECONDS = 5.0
LEAST_FREE_SHARE = 0.03
"""Of the twin's disk, which is the platform's too: below, the twin ends."""
EMPTY_SECONDS = 5.0
LOW_NICE = 5
"""How a twin as a whole stands against each service of the machine: about a third of its share of the processor. Its
processes' own priority says nothing of it where each session has a share of its own (autogroup), as most systems do;
with less, it would not go on where the machine is busy."""
LOW_SHARES = "335"
"""The same, in the words of cgroups of the first kind."""
WITHOUT_GROUP = "mémoire comptée de temps à autre, et non bornée par le système : aucun cgroup n'est accessible"


class Group:
    """A cgroup for a twin's processes; of the first kind, one for the memory and one for the processor."""

    def __init__(self, folder: Path, *, unified: bool) -> None:
        self._folder = folder
        self._limit = folder / ("memory.max" if unified else "memory.limit_in_bytes")
        self._peak = folder / ("memory.peak" if unified else "memory.max_usage_in_bytes")
        self._events = folder / ("memory.events" if unified else "memory.oom_control")
        self._unified = unified
        self._behind: Path | None = None
        self.is_behind = False

    def make(self, most_bytes: int) -> None:
        """Make it, so bounded, and behind everybody else where it can be. OSError where none can be made here."""
        self._folder.mkdir()
        self._limit.write_text(str(most_bytes), encoding="ascii")
        with suppress(OSError):
            self.is_behind = self._stand_behind()

    def _stand_behind(self) -> bool:
        """Take less of the processor and the disk; whether it has less of the former. OSError."""
        if self._unified:
            with suppress(OSError):
                (self._folder / "io.weight").write_text("default 1", encoding="ascii")
            (self._folder / "cpu.weight.nice").write_text(str(LOW_NICE), encoding="ascii")
            return True
        for parent, unified in _parents("cpu"):
            if not unified:
                self._behind = parent / self._folder.name
                self._behind.mkdir()
                (self._behind / "cpu.shares").write_text(LOW_SHARES, encoding="ascii")
                return True
        return False

    def join(self) -> None:
        """Have this process, and those that it starts, belong to it. OSError."""
        for folder in filter(None, (self._folder, self._behind if self.is_behind else None)):
            (folder / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    def peak(self) -> int:
        """The most that its processes held, in bytes; 0 where the kernel does not say."""
        with suppress(OSError, ValueError):
            return int(self._peak.read_text(encoding="ascii"))
        return 0

    def was_short(self) -> bool:
        """Whether the kernel killed one of them for want of memory."""
        with suppress(OSError):
            words = dict(line.split(None, 1) for line in self._events.read_text(encoding="ascii").splitlines())
            return int(words.get("oom_kill", "0")) > 0
        return False

    def remove(self) -> None:
        """Remove it once its processes have ended; what cannot be is swept later."""
        deadline = time.monotonic() + EMPTY_SECONDS
        for folder in filter(None, (self._folder, self._behind)):
            while folder.exists() and time.monotonic() < deadline:
                with suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.02)


def _parents(controller: str) -> Iterator[tuple[Path, bool]]:
    """The folders in which a cgroup of ours may be made, and whether they are of the unified hierarchy."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controller in controllers.split(","):
            yield CGROUP_ROOT / controller / place.lstrip("/"), False
        elif not controllers and (CGROUP_ROOT / "cgroup.controllers").exists():
            own = CGROUP_ROOT / place.lstrip("/")
            yield (own.parent if own != CGROUP_ROOT else own), True  # beside us: a group with processes has no others


@contextmanager
def group(most_bytes: int) -> Iterator[Group | None]:
    """A cgroup of at most so many bytes while the block runs; None where none can be made."""
    for parent, unified in _parents("memory"):
        made = Group(parent / f"{PREFIX}{os.getpid()}", unified=unified)
        try:
            made.make(most_bytes)
        except OSError:
            made.remove()
            continue
        try:
            yield made
        finally:
            made.remove()
        return
    yield None


def sweep_groups() -> None:
    """Remove the cgroups of twins whose worker died; what is just dying in one is waited for, a few seconds."""
    deadline = time.monotonic() + DYING_SECONDS
    parents = [parent for controller in ("memory", "cpu") for parent, _ in _parents(controller)]
    while left := [group for parent in parents for group in parent.glob(f"{PREFIX}*") if _is_left(group)]:
        for group in left:
            with suppress(OSError):
                group.rmdir()
        if time.monotonic() > deadline:
            return
        time.sleep(DYING_SECONDS / 100)


def _is_left(group: Path) -> bool:
    return not Path("/proc", group.name.removeprefix(PREFIX)).exists()


class Watch:
    """Looks at what a twin takes; `look` is called several times a second."""

    def __init__(self, folder: Path, most_bytes: int, most_seconds: float, made: Group | None) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._deadline = time.monotonic() + most_seconds
        self._most_seconds = most_seconds
        self._group = made
        self._next = 0.0
        self._peak = 0
        self.pid: int | None = None

    def peak(self) -> int:
        """The most memory that the twin held, in bytes, as far as anybody knows."""
        return self._group.peak() if self._group else self._peak

    def look(self) -> None:
        """NotRehearsedError where the twin takes more than it may."""
        now = time.monotonic()
        if now > self._deadline:
            raise NotRehearsedError(f"la répétition a dépassé sa durée maximale de {self._most_seconds:g} secondes")
        if now < self._next:
            return
        self._next = now + LOOK_SECONDS
        disk = os.statvfs(self._folder)
        if free_bytes(self._folder) < LEAST_FREE_SHARE * disk.f_blocks * disk.f_frsize:
            raise NotRehearsedError(f"plus assez de place pour le double sur le disque de {self._folder}")
        if self.pid is not None and not (self._group and self._group.is_behind):
            _put_behind(_family(self.pid))
        if self._group is None and self.pid is not None:
            self._peak = max(self._peak, _held_by(self.pid))
        if self.was_short():
            raise NotRehearsedError("le double a manqué de mémoire (rehearsal.memory)")

    def was_short(self) -> bool:
        """Whether the twin wanted more memory than it may have."""
        return self._group.was_short() if self._group else self._peak > self._most_bytes


def _family(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def _put_behind(family: Iterable[psutil.Process]) -> None:
    """Give the session of each less of the processor, where sessions share it: whoever leaves one begins anew."""
    for process in family:
        with suppress(OSError, psutil.Error):
            Path(f"/proc/{process.pid}/autogroup").write_text(str(LOW_NICE), encoding="ascii")


def _held_by(pid: int) -> int:
    """What a process and all below it hold, what they share left out."""
    held = 0
    for process in _family(pid):
        with suppress(psutil.Error):
            facts = process.memory_info()
            held += facts.rss - getattr(facts, "shared", 0)
    return held
