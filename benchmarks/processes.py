"""What a process has cost: bytes written and memory, as the kernel counts them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05


def bytes_written(pid: int) -> int:
    """Bytes that a process, and its children that have ended, gave to the disks' cache to write."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def peak_memory(pid: int) -> int:
    """The most memory that a process ever had resident (VmHWM), in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def processor_seconds(*pids: int) -> float:
    """Seconds of processor that these processes, and their children that have ended, have taken."""
    return sum(sum(psutil.Process(pid).cpu_times()[:4]) for pid in pids)


@dataclass
class Peak:
    """The most that a process and its children had resident together, in bytes."""

    together: int = 0


@contextmanager
def family_peak(pid: int) -> Iterator[Peak]:
    """Sample the resident memory of a process and its children while the block runs (shared pages count twice)."""
    peak, over = Peak(), threading.Event()
    parent = psutil.Process(pid)

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            total, family = 0, [parent]
            with suppress(psutil.NoSuchProcess):  # it has ended
                family += parent.children(recursive=True)
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
            peak.together = max(peak.together, total)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
