"""The server itself: units, versions of what is used, time, certificates, backups."""

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path

from ospi_supervisor.administration.checks.base import Findings
from ospi_supervisor.backup.inventory import Snapshot, problems
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.looks import asked_tools, missing_tools
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.words import counted
from ospi_supervisor.hands.sandbox import PROGRAMS
from ospi_supervisor.platform.drivers import UNITS_DIR
from ospi_supervisor.platform.units import render_units
from ospi_supervisor.system.clock import utc_now

RUNNING_SYSTEMD = Path("/run/systemd/system")
"""There while systemd is the manager (sd_booted(3))."""

Version = tuple[int, ...]
OLDEST: dict[str, tuple[str, Version]] = {
    "tar": (r"GNU tar\) (\d+\.\d+)", (1, 26)),
    "zstd": (r"v(\d+\.\d+)", (1, 3)),
    "systemctl": (r"systemd (\d+)", (219,)),
    "pg_dump": (r"PostgreSQL\) (\d+)", (10,)),
    "pg_restore": (r"PostgreSQL\) (\d+)", (10,)),
}
"""What says its version, and the oldest that is taken: that of the oldest platform promised, CentOS 7 with its EPEL
(Rocky's are newer), and the oldest PostgreSQL with which a restore has all that it needs."""

OLDEST_KERNEL: Version = (3, 10)
ASKING_SECONDS = 10
OLD_BACKUP_DAYS = 100
TIME_ERROR, TIMEX_BYTES = 5, 512  # adjtimex(2); the structure takes 208


def units(config: Config, adapters: Adapters) -> Findings:
    """Those in systemd's folder are the ones that this program prints for this configuration."""
    if config.file is None:
        return
    printed = render_units(config, config.file.resolve())
    there = {name: (UNITS_DIR / name).read_text("utf-8") for name in printed if (UNITS_DIR / name).exists()}
    again = (
        f"« {command_line(f'systemd {UNITS_DIR}')} », « systemctl daemon-reload », puis redémarrez les deux services"
    )
    if not there:
        if RUNNING_SYSTEMD.is_dir():
            yield Grade.WARNING, f"aucune unité de Superviseur dans {UNITS_DIR} : rien ne le relance ; {again}"
        return
    wrong = [name for name, text in printed.items() if there.get(name) != text]
    for name in wrong:
        state = "n'est pas celle que cette configuration demande" if name in there else "manque"
        yield Grade.ERROR, f"l'unité {UNITS_DIR / name} {state} ; {again}"
    if not wrong:
        yield Grade.OK, f"unités de {UNITS_DIR} conformes à la configuration"


def versions(config: Config, adapters: Adapters) -> Findings:
    """What is too old to be relied upon."""
    absent = missing_tools(config)
    found = {tool: _version(tool) for tool in asked_tools(config) if tool not in absent}
    kernel = _numbers(re.match(r"[\d.]+", os.uname().release))
    wrong = False
    for tool, version in found.items():
        _, oldest = OLDEST[tool]
        if version < oldest:
            wrong = True
            yield (
                Grade.ERROR,
                f"{tool} : version {_dotted(version) or 'inconnue'}, trop ancienne ; il faut {_dotted(oldest)} au"
                " moins : installez-la depuis les dépôts du système",
            )
    if kernel < OLDEST_KERNEL:
        wrong = True
        yield (
            Grade.ERROR,
            f"noyau {os.uname().release} trop ancien ; il faut Linux {_dotted(OLDEST_KERNEL)} au moins : mettez le"
            " système à jour",
        )
    if not wrong:
        yield Grade.OK, "versions : " + ", ".join(f"{tool} {_dotted(version)}" for tool, version in found.items())


def clock(config: Config, adapters: Adapters) -> Findings:
    """Whether the kernel says that something keeps its time: signatures and planned hours depend on it."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if state == TIME_ERROR:
        yield (
            Grade.WARNING,
            "l'horloge de ce serveur n'est pas synchronisée : les signatures ont des dates, et les mises à jour des"
            " heures ; activez chronyd ou systemd-timesyncd (« timedatectl set-ntp true »)",
        )
    elif state >= 0:
        yield Grade.OK, "horloge synchronisée"


def backups(config: Config, adapters: Adapters) -> Findings:
    """The newest one: how old it is, and that its files are those that were written and read back then."""
    found = adapters.snapshots.list()
    if not found:
        yield Grade.WARNING, f"aucune sauvegarde utilisable ; « {command_line('backup create')} » en prend une"
        return
    newest = found[-1]
    links = [one for one in found if one.id in (newest.id, newest.base)]
    if wrong := [text for link in links for text in _changed(config.backup.directory, link)]:
        yield (
            Grade.ERROR,
            f"dernière sauvegarde {newest.id} : {wrong[0]} ; « {command_line('backup create')} » en prend une autre",
        )
    days = (utc_now() - newest.taken_at).days
    told = f"dernière sauvegarde {newest.id} prise et relue le {newest.taken_at.astimezone():%d/%m/%Y à %H:%M}"
    if days > OLD_BACKUP_DAYS:
        yield Grade.WARNING, f"{told}, il y a {days} jours ; « {command_line('backup create')} » en prend une"
    elif not wrong:
        yield Grade.OK, told
    if unusable := adapters.snapshots.unusable():
        yield (
            Grade.WARNING,
            f"{counted(len(unusable), 'sauvegarde inutilisable', 'sauvegardes inutilisables')} dans"
            f" {config.backup.directory} : {', '.join(unusable)} ; supprimez ces dossiers",
        )


def _changed(directory: Path, snapshot: Snapshot) -> list[str]:
    """The files of a snapshot that are not those that were written; read only where somebody touched them since."""
    return problems(directory / snapshot.id, snapshot, lambda _: None, trust_times=True)


def _version(tool: str) -> Version:
    """What the tool says of itself; nothing where that is no version."""
    program = shutil.which(tool, path=PROGRAMS) or tool
    done = subprocess.run([program, "--version"], capture_output=True, timeout=ASKING_SECONDS, check=False)
    return _numbers(re.search(OLDEST[tool][0], done.stdout.decode("utf-8", "replace")))


def _numbers(found: re.Match[str] | None) -> Version:
    if found is None:
        return ()
    return tuple(int(number) for number in found[found.lastindex or 0].split(".") if number)


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
