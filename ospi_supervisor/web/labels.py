"""The words of the pages: labels for stable names, and numbers and instants as the French write them."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from flask import Flask

from ospi_supervisor import __version__
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus, rule_of
from ospi_supervisor.domain.manifest import SEVERITY_LABELS
from ospi_supervisor.domain.prerequisites import Thresholds, Verdict
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.domain.words import PHASE_STATUS_LABELS, STATUS_LABELS, counted, number, sentence, size
from ospi_supervisor.errors import printable
from ospi_supervisor.store.engine_documents import UpdateSummary

STATUS_TONES = {
    UpdateStatus.SUCCEEDED: "good",
    UpdateStatus.ROLLED_BACK: "bad",
    UpdateStatus.REFUSED: "warn",
    UpdateStatus.FAILED: "bad",
    UpdateStatus.CANCELLED: "neutral",
    UpdateStatus.INTERVENTION: "bad",
}

VERDICT_LABELS = {Verdict.OK: "conforme", Verdict.WARNING: "avertissement", Verdict.REFUSED: "insuffisant"}

SOURCE_LABELS = {
    Source.IMPORT: "Import",
    Source.AUTOMATIC: "Activation par Internet",
    Source.SHELL: "ligne de commande",
}

THRESHOLD_LABELS = {
    "cores": "cœurs de processeur",
    "cores_advised": "cœurs préconisés",
    "memory_gb": "mémoire vive (Go)",
    "memory_gb_advised": "mémoire préconisée (Go)",
    "free_disk_percent": "espace disque libre (%)",
    "platform_version": "version de la plateforme",
}


def init_app(app: Flask) -> None:
    """Give the templates the words and the formats; whatever they show is printable."""
    app.jinja_env.finalize = shown
    app.jinja_env.filters.update(
        counted=counted,
        duration=duration,
        lasted=lasted,
        milliseconds=milliseconds,
        day=day,
        size=size,
        sentence=sentence,
        instant=instant,
        clock=clock,
        clock_hour=clock_hour,
        status_label=status_label,
        status_tone=status_tone,
        phase_title=phase_title,
    )
    app.jinja_env.globals.update(
        phase_status_labels={str(status): label for status, label in PHASE_STATUS_LABELS.items()},
        verdict_labels={str(verdict): label for verdict, label in VERDICT_LABELS.items()},
        source_labels=SOURCE_LABELS,
        severity_labels={str(severity): label for severity, label in SEVERITY_LABELS.items()},
        supervisor_version=__version__,
        command_line=command_line,
    )


def shown(value: Any) -> Any:
    """`value` as pages show it: a name's control or bidirectional characters stand there escaped."""
    return printable(value) if type(value) is str else value  # what is markup already was made of shown values


def phase_title(phase: str) -> str:
    """The title of a phase."""
    return rule_of(Phase(phase)).title


def clock(value: str) -> str:
    """A time of day in the server's time zone."""
    return f"{datetime.fromisoformat(value).astimezone():%H:%M:%S}"


def clock_hour(value: datetime) -> str:
    """A time of day to the minute in the server's time zone, as it is said."""
    return f"{value.astimezone():%H h %M}"


def status_label(status: str) -> str:
    """The label of an update's status."""
    return STATUS_LABELS[UpdateStatus(status)]


def status_tone(status: str) -> str:
    """The colour of an update's status, by its meaning."""
    return STATUS_TONES.get(UpdateStatus(status), "busy")


def duration(seconds: float | None) -> str:
    """A duration to the second, or to the minute beyond an hour; a dash for None."""
    if seconds is None:
        return "–"
    if 0 < seconds < 1:
        return "moins de 1 s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def lasted(update: UpdateSummary) -> float | None:
    """How long an update took, in seconds, but what it waited; None before it ended, or where it never began."""
    begun, ended = update["started_at"], update["ended_at"]
    if begun is None or ended is None:
        return None
    whole = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
    return max(0.0, whole - update["waited_seconds"])


def milliseconds(seconds: float) -> str:
    """A short time, as networks count it."""
    return "moins de 1 ms" if seconds < 0.001 else f"{round(seconds * 1000)} ms"


def day(value: str) -> str:
    """A date (ISO 8601)."""
    return f"{date.fromisoformat(value):%d/%m/%Y}"


def instant(value: str | datetime | None) -> str:
    """A day and time in the server's time zone; a dash for None."""
    if value is None:
        return "–"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone():%d/%m/%Y à %H:%M:%S}"


def lowered_thresholds(thresholds: Thresholds) -> Sequence[tuple[str, str, str]]:
    """What this installation asks that the vendor's defaults do not: the label, the value here, the default."""
    usual = Thresholds()
    return [
        (THRESHOLD_LABELS[field.name], _shown(getattr(thresholds, field.name)), _shown(getattr(usual, field.name)))
        for field in fields(Thresholds)
        if getattr(thresholds, field.name) != getattr(usual, field.name)
    ]


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
