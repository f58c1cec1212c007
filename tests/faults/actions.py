"""What is done to a world, by the names that scenarios use."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from ospi_supervisor.domain.requests import Source
from ospi_supervisor.errors import RefusedError
from tests.faults.disks import fill, set_read_only
from tests.faults.oracle import DROPPED
from tests.faults.vendor import NEW, OLD
from tests.faults.world import World, wait_until
from tests.support.bad_disk import mount_bad_disk, unmount_bad_disk

DAY = 86400
DAMAGE = "abîmé".encode()
SPOILED = "data/base/illisible"
BAD_DISK = "bad-disk.img"

Action = Callable[[World], None]


def _set_clock(seconds: int) -> Action:
    return lambda world: _write(world.notes / "clock", str(seconds))


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _deaf_service(world: World) -> None:
    """The service is started anew as one that ignores SIGTERM."""
    world.set_moods({OLD: {"stop": "ignore"}})
    world.service("stop")
    world.service("start")
    world.set_moods({})


def replace_service(world: World) -> None:
    """The administrator ends the service that ignores SIGTERM, and starts it anew."""
    pid, _ = (world.root / "run/pid").read_text().split()
    os.kill(int(pid), signal.SIGKILL)
    world.service("start")


def _drop_file(world: World) -> None:
    (world.root / "data/base" / DROPPED).write_text("à garder")
    (world.notes / "dropped").touch()


def _spoil_file(world: World) -> None:
    """A file of the data lies on bad sectors from now on."""
    mount_bad_disk(world.notes / BAD_DISK, world.root / SPOILED)


def mend_file(world: World) -> None:
    """The bad disk is no more."""
    if (world.notes / BAD_DISK).exists():
        unmount_bad_disk(world.notes / BAD_DISK, world.root / SPOILED)


def _archives(world: World) -> list[Path]:
    return list(world.config.paths.uploads_dir.iterdir())


def _lose_archive(world: World) -> None:
    for path in _archives(world):
        path.unlink()


def _alter_archive(world: World) -> None:
    """One byte in a pack, and the same times."""
    for path in _archives(world):
        data = bytearray(path.read_bytes())
        data[-len(data) // 4] ^= 1
        path.write_bytes(data)


def _damage_backup(world: World) -> None:
    for path in world.config.backup.directory.glob("*/fichiers.tar.zst"):
        path.write_bytes(path.read_bytes() + DAMAGE)


def mend_backups(world: World) -> None:
    """Take the damage away again."""
    for path in world.config.backup.directory.glob("*/fichiers.tar.zst"):
        if (data := path.read_bytes()).endswith(DAMAGE):
            path.write_bytes(data.removesuffix(DAMAGE))


def _start_again(world: World) -> None:
    """By two more ways at once: of all that was ever asked, one is accepted. Which, is the worker's to say."""
    for source in (Source.IMPORT, Source.AUTOMATIC):
        with contextlib.suppress(RefusedError):
            world.ask(world.site.vendor.archive("good", NEW), source)
    wait_until(lambda: all(world.answer(request) is not None for request in world.asked), "the answers", 180)
    assert len(world.accepted()) == 1, "not one update"


def _cut(world: World) -> None:
    world.cut_power()


def _filled(name: str) -> Action:
    return lambda world: fill(world.root / name)


def _frozen(name: str) -> Action:
    def freeze(world: World) -> None:
        if not set_read_only(world.root / name, on=True):
            raise RuntimeError(f"{name} could not be made read-only")

    return freeze


def _bounce(world: World) -> None:
    world.site.postgres.control("stop", "-m", "immediate")
    world.site.postgres.start()


ACTIONS: dict[str, Action] = {
    "kill_worker": lambda world: world.kill("worker"),
    "kill_web": lambda world: world.kill("web"),
    "kill_both": lambda world: world.kill("worker", "web"),
    "cut": _cut,
    "cut_losing": _cut,
    "deaf_service": _deaf_service,
    "drop_file": _drop_file,
    "spoil_file": _spoil_file,
    "lose_archive": _lose_archive,
    "alter_archive": _alter_archive,
    "damage_backup": _damage_backup,
    "start_again": _start_again,
    "clock_back": _set_clock(-DAY),
    "clock_forward": _set_clock(DAY),
    "stop_postgres": lambda world: world.site.postgres.control("stop", "-m", "immediate"),
    "bounce_postgres": _bounce,
    **{f"fill_{name}": _filled(name) for name in ("state", "platform", "backups", "data")},
    **{f"freeze_{name}": _frozen(name) for name in ("platform", "backups", "data")},
}
KILLING = frozenset({"kill_worker", "kill_both", "cut", "cut_losing"})
