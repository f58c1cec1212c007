"""`make lock-pips`: a fresh checkout installs with the oldest and the newest pip that the documentation promises."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
PIPS = ("pip==23.0.1", "pip==23.2.1", "pip")
"""Debian 12's, the last that is strict about extras, and the newest there is."""
NOT_SOURCES = (".*", "build", "dist", "*.egg-info", "__pycache__", "node_modules", "test-results")


def install(pip: str, folder: Path) -> None:
    """Copy the sources and have `make` install all that any target needs. Raises CalledProcessError where it cannot."""
    shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    python = folder / ".venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    upgrade = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--upgrade", pip)
    subprocess.run([python, *upgrade], check=True)
    subprocess.run([python, "-m", "pip", "--version"], check=True)
    subprocess.run(["make", ".venv/.run", ".venv/.test"], cwd=folder, check=True)
    subprocess.run([folder / ".venv" / "bin" / "ospi-supervisor", "--help"], stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Each pip in turn, in a folder that is removed."""
    for pip in PIPS:
        with tempfile.TemporaryDirectory(prefix="pips-") as folder:
            install(pip, Path(folder) / "checkout")
        click.echo(f"lock-pips: installed with {pip}")


if __name__ == "__main__":
    main()
