"""Disks that the machine declares and does not have."""

from pathlib import Path

import pytest

from ospi_supervisor.system.mounts import missing_mounts

SRV = Path("/srv/ospi/données")


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("UUID=1 /srv/ospi xfs defaults 0 0", ["/srv/ospi"]),
        ("UUID=1 /srv/ospi/données xfs defaults 0 0", ["/srv/ospi/données"]),
        ("nas:/x /srv/ospi/données/images\\040et\\040sons nfs ro 0 0", ["/srv/ospi/données/images et sons"]),
        ("UUID=1 /srv/ospi-autre xfs defaults 0 0", []),
        ("UUID=1 /srv/ospi xfs defaults,noauto 0 0", []),
        ("nas:/x /srv/ospi nfs x-systemd.automount 0 0", []),
        ("# UUID=1 /srv/ospi xfs defaults 0 0", []),
        ("UUID=1 none swap sw 0 0", []),
        ("UUID=1 / ext4 defaults 0 1", []),
        ("proc /proc proc defaults 0 0", []),
        ("/srv/ospi", []),
        ("", []),
    ],
)
def test_a_declared_disk_of_the_platform_that_is_not_mounted_is_told(
    line: str, missing: list[str], tmp_path: Path
) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"# déclarés\n\n{line}\n", encoding="utf-8")
    assert [str(place) for place in missing_mounts([SRV], fstab)] == missing


def test_a_disk_that_is_mounted_is_not_missing(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text("tmpfs /dev/shm tmpfs defaults 0 0\n", encoding="utf-8")
    assert missing_mounts([Path("/dev/shm/ospi")], fstab) == []  # noqa: S108 - a file system of its own on every Linux


def test_a_machine_without_a_table_declares_nothing(tmp_path: Path) -> None:
    assert missing_mounts([SRV], tmp_path / "absent") == []
