"""Measures of the machine, held against the system's own tools."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.plan import DataWeight, Room
from ospi_supervisor.platform.machine import disks, measure, usable_cores
from ospi_supervisor.system.mounts import missing_mounts
from tests.platform.conftest import Handle, Stub, reply

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system of its own on every Linux


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(platform=1_000, data=DataWeight(places={str(tmp_path / "data"): 150}, servers=50), backup=30, state=4)


def sqlite(file: Path) -> dict[str, object]:
    return {"databases": [{"name": "portail", "url": f"sqlite:///{file}"}]}


def test_one_file_system_is_counted_once_with_all_it_needs(
    make_config: Callable[..., Config], tmp_path: Path, room: Room
) -> None:
    (disk,) = disks(make_config(), room)
    assert disk.role == "plateforme, données, sauvegardes, état"
    assert disk.needed == 1_234
    usage = shutil.disk_usage(tmp_path)
    assert disk.free == pytest.approx(usage.free, rel=0.05)
    assert disk.used == pytest.approx(usage.used, rel=0.05)


def test_another_file_system_is_another_disk(make_config: Callable[..., Config], room: Room) -> None:
    found = disks(make_config(backup={"directory": str(SHARED_MEMORY / "absent" / "backup")}), room)
    assert [(disk.role, disk.needed) for disk in found] == [("plateforme, données, état", 1_204), ("sauvegardes", 30)]


def test_each_file_system_is_asked_for_the_data_that_lie_there(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    """A server's databases may lie on any of them: each is asked for their room, once."""
    folders = [str(tmp_path / "a"), str(tmp_path / "b"), str(SHARED_MEMORY / "absent")]
    weight = DataWeight(places=dict(zip(folders, (1, 20, 300), strict=True)), servers=4_000)
    found = disks(make_config(platform={"data_dirs": folders}), Room(data=weight))
    assert [(disk.role, disk.needed) for disk in found] == [
        ("plateforme, données, sauvegardes, état", 4_021),
        ("données", 4_300),
    ]


@pytest.mark.parametrize("linked", [True, False])
def test_the_disk_of_a_sqlite_database_is_measured(
    make_config: Callable[..., Config], tmp_path: Path, room: Room, linked: bool
) -> None:
    file = SHARED_MEMORY / "absent" / "portail.db"
    (tmp_path / "portail.db").symlink_to(file)
    config = make_config(platform=sqlite(tmp_path / "portail.db" if linked else file))
    found = disks(config, replace(room, data=DataWeight(places={str(file): 70})))
    assert [(disk.role, disk.needed) for disk in found] == [
        ("plateforme, données, sauvegardes, état", 1_034),
        ("données", 70),
    ]
    assert [disk.path for disk in disks(config, Room())] == [disk.path for disk in found]


def test_the_disk_of_a_sqlite_database_must_be_mounted(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"UUID=1 {tmp_path}/bases xfs defaults 0 0\nUUID=2 {tmp_path}/bases/autre xfs defaults 0 0\n")
    monkeypatch.setattr("ospi_supervisor.platform.machine.missing_mounts", partial(missing_mounts, fstab=fstab))
    facts = measure(make_config(platform=sqlite(tmp_path / "bases/portail.db")), "11.5.0")
    assert facts.missing_mounts == (str(tmp_path / "bases"),)


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
    facts = measure(make_config(platform={"public_url": stub.url}), "11.5.0")
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
