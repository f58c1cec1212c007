"""Measures the machine: what the prerequisites are judged on."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.domain.prerequisites import Disk, MachineFacts
from ospi_supervisor.platform.health import Health
from ospi_supervisor.system.mounts import missing_mounts

CGROUP_ROOT = Path("/sys/fs/cgroup")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NOTHING = Room()


@dataclass(frozen=True, kw_only=True)
class OperatingSystem:
    """`ID`, `VERSION_ID` and `PRETTY_NAME` of os-release."""

    id: str
    version: str
    name: str


def measure(config: Config, installed_version: str, needed: Room = NOTHING) -> MachineFacts:
    """The facts of this machine; `needed` is what an update will write. The public address is asked, too."""
    public = Health(config.platform).public()
    system = operating_system()
    return MachineFacts(
        platform_version=installed_version,
        cores=usable_cores(),
        memory=machine_memory(),
        disks=tuple(disks(config, needed)),
        os_id=system.id,
        os_version=system.version,
        os_name=system.name,
        public_address=config.platform.public_url,
        public_address_error=_error(public),
        missing_mounts=tuple(str(place) for place in missing_mounts(_used(config))),
    )


def operating_system() -> OperatingSystem:
    """What os-release says; a system without that file is « système inconnu », for the rules to judge."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        facts = {}
    return OperatingSystem(
        id=facts.get("ID", ""),
        version=facts.get("VERSION_ID", ""),
        name=facts.get("PRETTY_NAME", "système inconnu"),
    )


def machine_memory() -> int:
    """The machine's memory, in bytes."""
    return int(psutil.virtual_memory().total)


def boot_id() -> str:
    """What tells this boot of the machine from any other."""
    return BOOT_ID.read_text(encoding="ascii").strip()


def usable_cores(cgroup: Path = CGROUP_ROOT) -> int:
    """Logical cores that this machine lets its processes use: bounded by affinity, and by a container's quota."""
    affinity = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return affinity  # no container, or version 1 of control groups (CentOS 7), where hospitals run on machines
    return affinity if quota == "max" else max(1, min(affinity, int(quota) // int(period)))


def disks(config: Config, needed: Room) -> list[Disk]:
    """The file systems that an update uses, each once, with all its roles and the sum of what they need."""
    merged: dict[int, Disk] = {}
    for role, path, bytes_needed in _places(config, needed):
        existing = _nearest_existing(path)
        device = existing.stat().st_dev
        if (known := merged.get(device)) is None:
            usage = os.statvfs(existing)
            merged[device] = Disk(
                role=role,
                path=str(path),
                free=usage.f_bavail * usage.f_frsize,
                used=(usage.f_blocks - usage.f_bfree) * usage.f_frsize,
                needed=bytes_needed,
            )
        else:
            roles = known.role.split(", ")
            merged[device] = Disk(
                role=known.role if role in roles else f"{known.role}, {role}",
                path=known.path,
                free=known.free,
                used=known.used,
                needed=known.needed + bytes_needed,
            )
    return list(merged.values())


def _places(config: Config, needed: Room) -> Iterator[tuple[str, Path, int]]:
    """Each place, what it is for, and how many bytes will be written there.

    Where a database's server keeps it is not known: each file system of data folders is asked for that room, once.
    """
    yield "plateforme", config.platform.root / "releases", needed.platform
    devices: set[int] = set()
    for folder in config.platform.data_dirs:
        device = _nearest_existing(folder).stat().st_dev
        yield "données", folder, 0 if device in devices else needed.data.servers
        devices.add(device)
    for file in _database_files(config):
        yield "données", file, 0
    for place, weight in needed.data.places.items():
        yield "données", Path(place), weight
    yield "sauvegardes", config.backup.directory, needed.backup
    yield "état", config.supervisor.state_dir, needed.state


def _used(config: Config) -> Iterator[Path]:
    yield config.platform.root
    yield from config.platform.data_dirs
    yield from _database_files(config)
    yield config.backup.directory
    yield config.supervisor.state_dir


def _database_files(config: Config) -> Iterator[Path]:
    """Where links lead: a link may lie on another disk than its database."""
    for table in config.platform.databases:
        if table.sqlite_file is not None:
            yield Path(os.path.realpath(table.sqlite_file))


def _nearest_existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists and that we may look at."""
    for folder in (path, *path.parents):
        try:
            folder.stat()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        return folder
    return Path(os.sep)


def _error(public: str) -> str | None:
    """The public address as a prerequisite: the platform must be what users see."""
    if public == "platform":
        return None
    return "la page de maintenance est déjà en place" if public == "maintenance" else public
