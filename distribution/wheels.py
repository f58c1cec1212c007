"""The wheels of what the program needs, by their hashes from the lock, for each promised Python on glibc 2.17."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ospi_supervisor import __version__

PYTHONS = ("3.11", "3.12", "3.13")
"""The CPythons that the documentation promises, on Linux x86_64."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64")
"""glibc 2.17 under its two names. What glibc 2.17 takes, 2.28 and every later one takes too."""
FOR_ANY = "any"
BUILD_ONLY = ("setuptools",)
"""What the lock holds and nothing that runs needs."""


def fetch(lock: Path, python: str, folder: Path) -> str:
    """Fetch each package of the lock as a wheel for that Python on glibc 2.17. What pip says where it cannot, or ""."""
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input", "download"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version", python),
        *(*platforms, "--dest", str(folder), "--requirement", str(lock)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else "\n".join(errors) or done.stderr


def fetch_all(lock: Path, folder: Path) -> None:
    """Fetch for each Python, into `folder/any` what serves them all and into `folder/cp3XX` the rest. RuntimeError."""
    with tempfile.TemporaryDirectory(prefix="wheels-") as work:
        found = {}
        for python in PYTHONS:
            place = Path(work) / python
            if said := fetch(lock, python, place):
                raise RuntimeError(f"no wheel for Python {python} and glibc 2.17: {said}")
            found[python] = [path for path in place.iterdir() if not path.name.startswith(BUILD_ONLY)]
        sort_out(found, folder)


def sort_out(found: Mapping[str, Sequence[Path]], folder: Path) -> None:
    """Copy the wheels of each Python to where `hooks/10-programme` looks for them."""
    names = [{path.name for path in paths} for paths in found.values()]
    shared = set.intersection(*names)
    for python, paths in found.items():
        for path in paths:
            place = folder / (FOR_ANY if path.name in shared else f"cp{python.replace('.', '')}")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place / path.name)


def build_own(checkout: Path, folder: Path, version: str) -> Path:
    """The wheel of the program itself as `version`, from a copy of the checkout: building leaves files beside it."""
    sources = ("setup.cfg", "pyproject.toml", "README.md", "wsgi.py", "jobs", "static", "templates")
    with tempfile.TemporaryDirectory(prefix="sources-") as work:
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in (*sources, "maintenance_page", "docs", "ospi_supervisor"):
            source, target = checkout / name, Path(work) / name
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True, ignore=ignore)
            else:
                shutil.copyfile(source, target)
        own = Path(work) / "ospi_supervisor" / "__init__.py"
        own.write_text(own.read_text(encoding="utf-8").replace(f'"{__version__}"', f'"{version}"'), encoding="utf-8")
        options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder))
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel", *options, ".")
        subprocess.run(pip, cwd=work, check=True, timeout=600)
    (wheel,) = folder.glob("ospi_supervisor-*.whl")
    return wheel
