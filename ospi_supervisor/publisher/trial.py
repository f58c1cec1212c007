"""Runs a release's `stage` hooks once at the vendor's, to know what room they need at hospitals."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ospi_supervisor.domain.manifest import HookPhase, Manifest
from ospi_supervisor.errors import RefusedError

MARGIN = 1.25
"""What a hospital's machine may write more than the vendor's: other wheels, other blocks."""

_LAST_WORDS = 500


def measure_hooks(payload: Path, hooks: Path, manifest: Manifest, keep_in: Path) -> int:
    """How many bytes the `stage` hooks of `manifest` write in the release, a margin included.

    They run on a copy of `payload`, made in the folder `keep_in` and removed again, under our own account, with the
    environment that hospitals give them. RefusedError where one fails.
    """
    with tempfile.TemporaryDirectory(prefix=".ospi-essai-", dir=keep_in) as folder:
        release = Path(folder, "release")
        shutil.copytree(payload, release, symlinks=True)
        shutil.copytree(hooks, release / "hooks", symlinks=True)
        for name in manifest.writable:
            (release / name).mkdir(parents=True, exist_ok=True)
        before = _weight(release)
        for hook in manifest.hooks_of(HookPhase.STAGE):
            _run(release, hook.name, hook.timeout, _environment(manifest, release, Path(folder)))
        return int(max(0, _weight(release) - before) * MARGIN)


def _run(release: Path, name: str, timeout: int, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            [release / "hooks" / name],
            cwd=release,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"le programme {name} ne peut pas être essayé : {error}") from error
    if done.returncode:
        words = done.stdout.decode("utf-8", "replace")[-_LAST_WORDS:].strip()
        raise RefusedError(f"le programme {name} échoue à l'essai (code {done.returncode}) : {words}")


def _environment(manifest: Manifest, release: Path, folder: Path) -> dict[str, str]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(data),
        "OSPI_PRODUCT": manifest.product,
        "OSPI_FROM_VERSION": manifest.version,
        "OSPI_TO_VERSION": manifest.version,
        "OSPI_RELEASE_DIR": str(release),
        "OSPI_PREVIOUS_RELEASE_DIR": str(release),
        "OSPI_DATA_DIRS": str(data),
        "OSPI_UPDATE_ID": "0",
        "OSPI_REHEARSAL": "1",
    }


def _weight(folder: Path) -> int:
    """What a tree takes of its disk, in bytes."""
    total = 0
    for parent, _, files, descriptor in os.fwalk(folder):
        total += os.lstat(parent).st_blocks * 512
        total += sum(os.lstat(name, dir_fd=descriptor).st_blocks * 512 for name in files)
    return total
