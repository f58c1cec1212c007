"""A disk whose power was cut comes back as another, whoever still had the old one."""

import subprocess
from pathlib import Path

from tests.faults.disks import CuttableDisk
from tests.support.system import require_program, require_root, wait_until


def test_a_disk_that_another_keeps_boots_once_it_is_let_go(tmp_path: Path) -> None:
    require_root("a disk is mounted")
    disk = CuttableDisk(tmp_path / "image", tmp_path / "disk", 16)
    try:
        kept = tmp_path / "disk/a"
        kept.write_text("gardé")
        subprocess.run(["sync", "--file-system", str(kept)], check=True)
        apart = [require_program("unshare"), "--mount", "--propagation", "private", "sleep", "2"]
        with subprocess.Popen(apart) as another:
            mounts = Path(f"/proc/{another.pid}/ns/mnt")
            wait_until(lambda: mounts.readlink() != Path("/proc/self/ns/mnt").readlink(), "its copy of the mounts")
            disk.cut()
            disk.boot()
        assert kept.read_text() == "gardé"
    finally:
        disk.close()
