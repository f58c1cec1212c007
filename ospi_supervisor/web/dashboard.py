"""The dashboard: the platform, its backups, the machine and past updates at a glance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus, rule_of
from ospi_supervisor.domain.prerequisites import GB
from ospi_supervisor.domain.words import counted, number, size
from ospi_supervisor.store.engine_documents import UpdateSummary
from ospi_supervisor.store.topics import BACKUPS
from ospi_supervisor.web.context import now, web
from ospi_supervisor.web.labels import lasted

CHARTED = 6
"""How many past updates the chart of durations shows."""

CHART_HEIGHT = 100.0
OLD_BACKUP = timedelta(days=30)
OVER = (UpdateStatus.SUCCEEDED, UpdateStatus.ROLLED_BACK)
"""Where the maintenance page came, and went."""


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A measure against its threshold; `level` and `threshold` in percent of the whole, `tone` as notices have it."""

    label: str
    words: str
    level: float
    threshold: float
    tone: str


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A phase's part of an update's bar, from its top; `kind` is what users see during it."""

    kind: str
    top: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Duration:
    """A past update: its version, how long it took, and how long users saw the page, in seconds; each
    phase's seconds, and its part of the bar."""

    version: str
    total: float
    downtime: float
    phases: dict[Phase, float]
    segments: list["Segment"]


@dataclass(frozen=True, kw_only=True)
class Backup:
    """The newest backup: its age in words, when it was taken and read back, how many there are and what they weigh."""

    age: str
    taken_at: datetime
    count: int
    size: int


def gauges() -> list[Gauge]:
    """Disks and memory, each against what an update asks for."""
    thresholds = web().config.prerequisites
    found = []
    for disk in web().operations.disks():
        free = disk.free_percent
        found.append(
            Gauge(
                label=f"Disque ({disk.role})",
                words=f"{number(free)} % libres ({size(disk.free)}), {number(thresholds.free_disk_percent)} % requis",
                level=100 - free,
                threshold=100 - thresholds.free_disk_percent,
                tone="bad" if free < thresholds.free_disk_percent else "",
            )
        )
    memory = web().operations.memory() / GB
    advised = thresholds.memory_gb_advised
    found.append(
        Gauge(
            label="Mémoire vive",
            words=f"{number(memory)} Go, {number(thresholds.memory_gb)} Go requis, {number(advised)} Go préconisés",
            level=min(100.0, 100 * memory / (advised * 1.25)),
            threshold=80.0,
            tone="bad" if memory < thresholds.memory_gb else "warn" if memory < advised else "",
        )
    )
    if (backup := last_backup()) is not None:
        found.append(_age_gauge(now() - backup.taken_at))
    return found


def _age_gauge(age: timedelta) -> Gauge:
    """Each update takes a backup of its own: an old one is none too few, but what restores by hand rest upon."""
    level = 80 * age / OLD_BACKUP
    return Gauge(
        label="Âge de la dernière sauvegarde",
        words=f"{ago(age)}, {OLD_BACKUP.days} jours conseillés au plus",
        level=min(100.0, max(1.0, level)),
        threshold=80.0,
        tone="warn" if age > OLD_BACKUP else "",
    )


def durations(succeeded: Sequence[UpdateSummary]) -> list[Duration]:
    """Of updates that succeeded, the newest first: the oldest first; bars scaled to the longest."""
    times = web().operations.reader.phase_times([update["id"] for update in succeeded])
    measured = []
    for update in reversed(succeeded):
        total, spans = lasted(update) or 0.0, times[update["id"]]
        seconds = {phase: max(0.0, (ended - begun).total_seconds()) for phase, (begun, ended) in spans.items()}
        measured.append((str(update["to"]), total, downtime_of(update, spans) or 0.0, seconds))
    longest = max((sum(seconds.values()) for *_, seconds in measured), default=0.0) or 1.0
    return [
        Duration(
            version=version,
            total=total,
            downtime=downtime,
            phases=seconds,
            segments=_segments(seconds, longest),
        )
        for version, total, downtime, seconds in measured
    ]


def downtime_of(update: UpdateSummary, spans: Mapping[Phase, tuple[datetime, datetime]]) -> float | None:
    """How long users saw the maintenance page, in seconds: until `reopen`, or the end of the way back; None where it
    was not shown, or still is."""
    if Phase.MAINTENANCE not in spans or UpdateStatus(update["status"]) not in OVER:
        return None
    ended = spans[Phase.REOPEN][1] if Phase.REOPEN in spans else datetime.fromisoformat(update["ended_at"] or "")
    return max(0.0, (ended - spans[Phase.MAINTENANCE][0]).total_seconds())


def _segments(seconds: dict[Phase, float], longest: float) -> list[Segment]:
    """The bar of one update, its first phase at the bottom; the longest update fills the chart."""
    segments: list[Segment] = []
    top = CHART_HEIGHT
    for phase in Phase:
        height = CHART_HEIGHT * seconds.get(phase, 0.0) / longest
        top -= height
        segments.append(Segment(kind=rule_of(phase).availability, top=top, height=height))
    return segments


def charted_phases(charted: Sequence[Duration]) -> list[tuple[str, list[float | None]]]:
    """The chart as a table: each phase that took any time, with its seconds in each update, None where it was not."""
    rows = [(rule_of(phase).title, [one.phases.get(phase) for one in charted]) for phase in Phase]
    return [(title, seconds) for title, seconds in rows if any(seconds)]


def installed_since(version: str | None) -> datetime | None:
    """When the installed version was put in place by an update; None where none did."""
    found = [] if version is None else web().operations.reader.succeeded(1, to=version)
    ended_at = found[0]["ended_at"] if found else None
    return None if ended_at is None else datetime.fromisoformat(ended_at)


def last_backup() -> Backup | None:
    """The newest backup that the worker published; None without any."""
    published = web().operations.reader.published(BACKUPS)
    snapshots = published[1].snapshots if published else []
    if not snapshots:
        return None
    return Backup(
        age=ago(now() - snapshots[0].taken_at),
        taken_at=snapshots[0].taken_at,
        count=len(snapshots),
        size=sum(one.size for one in snapshots),
    )


def ago(age: timedelta) -> str:
    """An age in words, to the minute, the hour or the day."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 1:
        return "à l'instant"
    if minutes < 60:
        return f"il y a {minutes} min"
    hours = minutes // 60
    return f"il y a {hours} h" if hours < 48 else f"il y a {counted(hours // 24, 'jour', 'jours')}"
