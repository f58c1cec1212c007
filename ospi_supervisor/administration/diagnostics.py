"""The support's bundle: a zip of all that helps to understand a failure, without any secret.

Each part is gathered on its own: what is broken is what the support wants to read about, so a part that cannot be
gathered says why, and the others are there.
"""

import io
import json
import platform
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.config.redaction import redactor_of
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.findings import Finding
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.platform.units import WEB_UNIT, WORKER_UNIT, unit_of
from ospi_supervisor.store.automatic_documents import StatusDocument
from ospi_supervisor.store.engine_reader import EngineReader

UPDATES_TOLD = 10
"""How many updates' journals and logs are in it, the newest ones."""

TAIL_BYTES = 256 * 1024
"""How much of each log is in it, from its end."""

JOURNALCTL_SECONDS = 20
JOURNALCTL_LINES = 3000

Part = Callable[[], str]


@dataclass(frozen=True)
class Diagnostics:
    """Gathers the bundle. What it asks of the platform and of the databases may fail; the bundle does not."""

    config: Config
    reader: EngineReader
    status: Callable[[], StatusDocument]
    checks: Callable[[], list[Finding]]
    measure: Callable[[], MachineFacts]
    releases: Callable[[], list[str]]
    web_integrity: Callable[[], list[str]]
    clock: Callable[[], datetime]

    def bundle(self) -> bytes:
        """The zip. Secrets are taken out of every part, whatever brought them there."""
        redactor = redactor_of(self.config)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, part in self._parts():
                archive.writestr(name, redactor.clean(_gathered(part)))
        return packed.getvalue()

    def _parts(self) -> Iterator[tuple[str, Part]]:
        yield "LISEZMOI.txt", self._read_me
        yield "configuration.json", lambda: _json(self.config)
        yield "versions.json", lambda: _json(_versions() | {"releases": self.releases()})
        yield "machine.json", lambda: _json(self.measure())
        yield "controles.json", lambda: _json(self.checks())
        yield "etat.json", lambda: _json(self.status())
        yield "base-engine.txt", lambda: "\n".join(self.reader.integrity())
        yield "base-web.txt", lambda: "\n".join(self.web_integrity())
        yield "mises-a-jour.json", lambda: _json([self.reader.update(number) for number in self._newest()])
        yield "journaux.txt", lambda: "\n".join(line for number in self._newest() for line in self._journal(number))
        yield "services.log", lambda: _service_logs(self.config)
        for path in _newest_logs(self.config.paths.logs_dir):
            yield f"logs/{path.name}", lambda path=path: _tail(path)  # type: ignore[misc]

    def _read_me(self) -> str:
        return (
            f"Diagnostic de Superviseur OSPI {__version__}, {self.config.platform.product},"
            f" le {self.clock().astimezone():%d/%m/%Y à %H:%M:%S %z}.\n"
            "Les mots de passe, jetons et clés en ont été retirés (***).\n"
            f"À envoyer au support : {self.config.support.email}, {self.config.support.phone}.\n"
        )

    def _newest(self) -> list[int]:
        return [update["id"] for update in self.reader.updates(UPDATES_TOLD)]

    def _journal(self, number: int) -> Iterator[str]:
        yield f"--- mise à jour n° {number}"
        after = 0
        while events := self.reader.events(number, after):
            after = events[-1].id
            for event in events:
                data = event.data
                if event.kind != EventKind.PROGRESS and data.get("level") != Level.OUTPUT:
                    words = data.get("message") or data.get("status")
                    yield f"{data['at']} {event.kind} {data['phase']} {data.get('level', '')} {words}"


def _gathered(part: Part) -> str:
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - whatever is broken is what the support wants to read about
        return f"cette partie n'a pas pu être réunie : {type(error).__name__} : {error}\n"


def _versions() -> dict[str, object]:
    return {
        "superviseur": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {found.name: found.version for found in sorted(distributions(), key=lambda item: item.name)},
    }


def _service_logs(config: Config) -> str:
    """What systemd's journal holds of our two processes."""
    program = shutil.which("journalctl")
    if program is None:
        return "journalctl est absent : les journaux des deux processus sont là où leur lancement les écrit\n"
    units = [word for unit in (WEB_UNIT, WORKER_UNIT) for word in ("-u", unit_of(config, unit))]
    command = [program, "--no-pager", "-n", str(JOURNALCTL_LINES), *units]
    done = subprocess.run(command, capture_output=True, timeout=JOURNALCTL_SECONDS, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _newest_logs(folder: Path) -> list[Path]:
    by_number = sorted(folder.glob("update-*.log"), key=lambda path: (len(path.name), path.name), reverse=True)
    return by_number[:UPDATES_TOLD]


def _tail(path: Path) -> str:
    """The end of a log, from the beginning of a line: half a secret would not be recognised."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        data = file.read()
    if size > TAIL_BYTES:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, indent=2)
