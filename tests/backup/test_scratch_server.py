"""The server on which a backup is tried out leaves nothing in the machine's memory, though it is killed."""

from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from ospi_supervisor.backup.scratch_server import scratch_server
from tests.backup.conftest import Case, case, nothing, postgres
from tests.support.system import require_root

__all__ = ["case", "postgres"]

pytestmark = pytest.mark.system


def test_it_shares_memory_with_nobody(case: Case, tmp_path: Path) -> None:
    """A year of nights would keep 365 MB in /dev/shm otherwise, and as many pieces of System V's memory."""
    require_root("namespaces are made")
    with scratch_server(case.driver.client, tmp_path / "essai", nothing) as scratch:
        setting = f"port={urlsplit(scratch.url).port}"
        commands = ((one.pid, one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
        (server,) = (pid for pid, command in commands if setting in command)
        assert "PostgreSQL." not in Path(f"/proc/{server}/maps").read_text(encoding="utf-8")
        assert Path(f"/proc/{server}/ns/ipc").readlink() != Path("/proc/self/ns/ipc").readlink()
    assert not psutil.pid_exists(server)
    assert not (tmp_path / "essai").exists()
