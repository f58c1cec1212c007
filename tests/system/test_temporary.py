"""Folders for a moment: gone after it, or found and removed once their process is no more."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ospi_supervisor.system.temporary import remove_those_of_the_dead, temporary_folder
from tests.support.system import require_root

DIE_IN_IT = """
import os, signal
from ospi_supervisor.system.temporary import temporary_folder
with temporary_folder() as folder:
    open(os.path.join(folder, "secret"), "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    subprocess.run([sys.executable, "-c", DIE_IN_IT], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    (left,) = tmp_path.iterdir()
    others = [tmp_path / "ospi-autre", tmp_path / f"x{left.name}"]
    for other in others:
        other.mkdir()
    with temporary_folder() as name:
        remove_those_of_the_dead()
        assert sorted(tmp_path.iterdir()) == sorted([*others, Path(name)])
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_what_another_account_called_so_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    require_root("only root gives a folder away")
    strange = tmp_path / f"ospi-{2**22 + 1}-abc"  # a number that no process has
    strange.mkdir()
    os.chown(strange, 65534, 65534)
    remove_those_of_the_dead()
    assert strange.exists()
