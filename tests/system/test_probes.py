"""What keeps a folder from being written in, or from keeping whose its files are, found by a look."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ospi_supervisor.system.probes import ownership_refusal
from tests.support.system import require_program, require_root

LOOK = "import sys; from ospi_supervisor.system.probes import sealed; print(sealed(sys.argv[1]))"
RIGHTS = "-dac_override,-dac_read_search,-fowner,-chown"


@pytest.mark.parametrize(("mode", "words"), [(0o755, "root_squash"), (0o777, "None")])
def test_a_share_that_takes_root_for_nobody_is_sealed(tmp_path: Path, mode: int, words: str) -> None:
    """Root without its rights stands before another account's folder as before a share that squashes it."""
    require_root("rights are given up")
    folder = tmp_path / "données"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    folder.chmod(mode)
    squashed = [require_program("setpriv"), f"--bounding-set={RIGHTS}", sys.executable, "-c", LOOK, str(folder)]
    assert words in subprocess.run(squashed, check=True, capture_output=True, text=True).stdout
    assert "None" in subprocess.run(squashed[2:], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("ignored", ["fchmod", "fchown"])
def test_a_share_that_ignores_rights_in_silence_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    """As cifs and ntfs-3g do by default; no such file system can be mounted here."""
    require_root("owners are changed")
    assert ownership_refusal(tmp_path) is None
    monkeypatch.setattr(os, ignored, lambda *_: None)
    assert "sans effet" in str(ownership_refusal(tmp_path))
    assert list(tmp_path.iterdir()) == []
