"""What monitoring draws curves of and is alerted by: `GET metrics`, as Prometheus' text (exposition format 0.0.4)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor import __version__
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.drill import Proof
from ospi_supervisor.domain.lifecycle import PhaseStatus
from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.store.automatic_documents import CheckDocument, OwnDocument
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.topics import BACKUPS, DRILLS, HANDOUTS

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Gauge:
    """One name: what it means, and its values by their labels. Without a value it is not told."""

    name: str
    means: str
    values: Sequence[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        """Its part of the text."""
        yield f"# HELP ospi_{self.name} {self.means}"
        yield f"# TYPE ospi_{self.name} gauge"
        for labels, value in self.values:
            told = ",".join(f'{name}="{_escaped(word)}"' for name, word in labels.items())
            yield f"ospi_{self.name}{f'{{{told}}}' if told else ''} {value:.15g}"


def metrics_text(config: Config, operations: Operations, streams: int) -> str:
    """The whole text; `streams` is how many of Suivi's are open. StateError where the state cannot be read."""
    gauges = [
        *_of_now(operations, streams),
        *_of_updates(operations),
        *_of_backups(operations.reader),
        *_of_handouts(config, operations.reader),
        *_of_disks(config, operations.reader),
        *_of_offers(operations.reader),
    ]
    return "".join(f"{line}\n" for gauge in gauges if gauge.values for line in gauge.lines())


def _of_now(operations: Operations, streams: int) -> Iterator[Gauge]:
    status = operations.status()
    release = {"product": status["product"], "version": status["version"] or "", "supervisor": __version__}
    yield Gauge("info", "Installed release and supervisor, always 1.", [(release, 1)])
    yield Gauge("worker_up", "Whether the worker gives signs of life.", [({}, status["worker"] == "up")])
    yield Gauge("maintenance", "Whether the maintenance page is in place.", [({}, status["maintenance"])])
    yield Gauge("version_locked", "Whether a version failed here and is locked.", [({}, status["lock"] is not None)])
    waits = operations.reader.awaiting_intervention() is not None
    yield Gauge("intervention", "Whether the platform waits for the support.", [({}, waits)])
    yield Gauge("event_streams", "Streams of Suivi that are open.", [({}, streams)])


def _of_updates(operations: Operations) -> Iterator[Gauge]:
    reader = operations.reader
    yield Gauge("updates", "Updates by their status.", [({"status": s}, n) for s, n in reader.counts().items()])
    active = reader.active_update()
    update = reader.update(active) if active is not None else None
    yield Gauge("update_under_way", "Number of the update under way, 0 without one.", [({}, active or 0)])
    doing = [phase for phase in (update or {"phases": []})["phases"] if phase["status"] == PhaseStatus.DOING]
    at_work: list[tuple[Labels, float]] = [({"phase": phase["name"]}, phase["percent"] / 100) for phase in doing]
    yield Gauge("update_phase_ratio", "The phase at work, and how far it is.", at_work)
    ended = [row["ended_at"] for row in reader.succeeded(1)]
    yield Gauge("last_success_timestamp_seconds", "End of the platform's last update that succeeded.", _instants(ended))


def _of_backups(reader: EngineReader) -> Iterator[Gauge]:
    published = reader.published(BACKUPS)
    if published is not None:
        taken = [row.taken_at.isoformat() for row in published[1].snapshots[:1]]
        yield Gauge("backup_timestamp_seconds", "When the newest backup was taken and read back.", _instants(taken))
        yield Gauge("backups", "Backups that can be used.", [({}, len(published[1].snapshots))])
    drills = reader.published(DRILLS)
    proven = [one for one in drills[1].certificates if one.proof is Proof.PROVEN] if drills else []
    newest = [max(one.began_at for one in proven).isoformat()] if proven else []
    yield Gauge("backup_proof_timestamp_seconds", "When a drill last proved a backup.", _instants(newest))


def _of_handouts(config: Config, reader: EngineReader) -> Iterator[Gauge]:
    published = reader.published(HANDOUTS) if config.backup.after_snapshot is not None else None
    for row in published[1].rows[:1] if published else ():
        ended = _instants([row.ended_at.isoformat()])
        yield Gauge("last_handout_timestamp_seconds", "When a backup was last handed to after_snapshot.", ended)
        yield Gauge("last_handout_ok", "Whether the command took it.", [({}, row.failure is None)])


def _of_disks(config: Config, reader: EngineReader) -> Iterator[Gauge]:
    folders = {"platform": config.platform.root, "state": config.supervisor.state_dir}
    rooms = {name: _room(folder) for name, folder in folders.items()}
    if published := reader.published(BACKUPS):  # this account cannot look at their folder
        rooms["backups"] = (published[1].free, published[1].total)
    yield Gauge("disk_free_bytes", "Room that is free on the disk.", [({"disk": n}, r[0]) for n, r in rooms.items()])
    yield Gauge("disk_size_bytes", "Size of the disk.", [({"disk": n}, r[1]) for n, r in rooms.items()])
    least = config.prerequisites.free_disk_percent / 100
    yield Gauge("disk_free_wanted_ratio", "Part of each disk that updates want to be free.", [({}, least)])


def _of_offers(reader: EngineReader) -> Iterator[Gauge]:
    known = reader.automatic()
    check, run = (known.last_check, known.last_run) if known else (None, None)
    own = check.get("own") if check else None
    yield _offered("version_available", "The version that the vendor offers to this server.", check)
    yield _offered("supervisor_version_available", "The version of the supervisor itself that it offers.", own)
    if check:
        yield Gauge("last_check_timestamp_seconds", "Last look at the vendor's repository.", _instants([check["at"]]))
        yield Gauge("last_check_ok", "Whether that look found all in order.", [({}, not check["error"])])
    if run:
        yield Gauge("last_run_timestamp_seconds", "Last automatic run.", _instants([run["at"]]))
        yield Gauge("last_run_ok", "Whether that run did what it had to.", [({}, run["ok"])])


def _offered(name: str, means: str, found: CheckDocument | OwnDocument | None) -> Gauge:
    offer = found["available"] if found else None
    return Gauge(name, means, [({"version": offer["version"]}, 1)] if offer else [])


def _room(folder: Path) -> tuple[int, int]:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _instants(texts: Sequence[str | None]) -> Sequence[tuple[Labels, float]]:
    return [({}, datetime.fromisoformat(text).timestamp()) for text in texts if text]


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
