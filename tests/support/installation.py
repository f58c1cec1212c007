"""The program where accounts other than the tests' own can run it: a virtual environment of its own, as on a server."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from demo.layout import REPOSITORY
from tests.real_application.recipe import platform_python


def install(folder: Path) -> Path:
    """Copy the program and all that it needs to run into a new virtual environment; that one's interpreter.

    Copied from the environment of the tests, so that no network is needed. RuntimeError where the machine has no
    interpreter like ours that another account can run.
    """
    subprocess.run([platform_python(), "-m", "venv", "--without-pip", folder], check=True)
    packages = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    locked = (REPOSITORY / "requirements" / "run.txt").read_text(encoding="utf-8")
    for name in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", locked, re.MULTILINE):
        _copy_distribution(name, packages)
    shutil.copytree(REPOSITORY / "ospi_supervisor", packages / "ospi_supervisor")
    return folder / "bin" / "python"


def _copy_distribution(name: str, packages: Path) -> None:
    for file in distribution(name).files or ():
        if ".." not in file.parts and file.suffix != ".pyc":  # scripts lie outside of site-packages
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)
