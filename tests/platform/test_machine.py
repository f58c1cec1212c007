"""Measures of the machine, held against the system's own tools."""

import os
import shutil
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ospi_supervisor.config import Config
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.platform.machine import disks, measure, usable_cores
from tests.platform.conftest import Handle, Stub, reply

ROOM = Room(platform=1_000, data=200, backup=30)


def test_one_file_system_is_counted_once_with_all_it_needs(make_config: Callable[..., Config], tmp_path: Path) -> None:
    (disk,) = disks(make_config(), ROOM)
    assert disk.role == "plateforme, données, sauvegardes, état"
    assert disk.needed == 1_230
    usage = shutil.disk_usage(tmp_path)
    assert disk.free == pytest.approx(usage.free, rel=0.05)
    assert disk.used == pytest.approx(usage.used, rel=0.05)


def test_another_file_system_is_another_disk(make_config: Callable[..., Config]) -> None:
    shared_memory = Path("/dev/shm")  # noqa: S108 - a file system of its own on every Linux
    found = disks(make_config(backup={"directory": str(shared_memory / "absent" / "backup")}), ROOM)
    assert [(disk.role, disk.needed) for disk in found] == [("plateforme, données, état", 1_200), ("sauvegardes", 30)]


def test_two_data_folders_of_one_file_system_need_their_room_once(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    config = make_config(platform={"data_dirs": [str(tmp_path / "a"), str(tmp_path / "b")]})
    (disk,) = disks(config, ROOM)
    assert disk.needed == 1_230


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", None), ("50000 100000", 1), ("1000000000 100000", None), ("150000 100000", 1)]
)
def test_cores_are_bounded_by_a_containers_quota(quota: str, cores: int | None, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cores(tmp_path) == (cores or len(os.sched_getaffinity(0)))


def test_cores_follow_the_affinity(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_the_whole_machine(make_config: Callable[..., Config], make_stub: Callable[[Handle], Stub]) -> None:
    stub = make_stub(reply)
    facts = measure(make_config(platform={"public_url": stub.url}), "11.5.0", ROOM)
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert facts.memory == int(meminfo["MemTotal"].split()[0]) * 1024
    assert facts.platform_version == "11.5.0"
    assert f"ID={facts.os_id}" in Path("/etc/os-release").read_text().replace('"', "").splitlines()
    assert facts.public_address == stub.url
    assert facts.public_address_error is None


def test_a_page_that_is_on_or_an_address_that_is_dead_is_an_error(
    make_config: Callable[..., Config], make_stub: Callable[[Handle], Stub]
) -> None:
    def page(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 503, headers={"X-OSPI-Maintenance": "1"})

    on = measure(make_config(platform={"public_url": make_stub(page).url}), "11.5.0")
    assert on.public_address_error == "la page de maintenance est déjà en place"
    dead = measure(make_config(), "11.5.0")
    assert "ne répond pas" in (dead.public_address_error or "")
