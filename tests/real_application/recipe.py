"""How the vendor of this platform makes its archives: locked wheels, a service, two hooks, `ospi-release`.

`ospi-release build` of what `payload` lays out is an archive that installs without any network.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "real_application"
OLD, NEW = "5.5.4", "6.1.1"
PRODUCT = "hub"
HOOKS = (
    "stage:10-venv:600:Installation de l'application",
    "migrate:20-schema:300:Mise à niveau du schéma",
    "migrate:30-names:300:Un seul compte par nom",
)
WORK = "40-reprise"


def wheels(version: str) -> Path:
    """The folder of the wheels that `requirements/VERSION.txt` locks, downloaded once for this checkout."""
    locked = [HERE / "requirements" / name for name in ("common.txt", f"{version}.txt")]
    lock = hashlib.sha256(b"".join(path.read_bytes() for path in locked)).hexdigest()[:16]
    folder = CACHE / f"{version}-{lock}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Complete or absent: the folder takes its name once everything is in it.
        with tempfile.TemporaryDirectory(dir=CACHE) as partial:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            command += ["--require-hashes", "--requirement", str(locked[1]), "--dest", f"{partial}/wheels"]
            subprocess.run(command, check=True)
            Path(partial, "wheels").rename(folder)
    return folder


def payload(version: str, destination: Path, python: Path) -> None:
    """Lay out the tree of one release in `destination`; its scripts name the interpreter `python`."""
    shutil.copytree(HERE / "payload", destination)
    shutil.copytree(wheels(version), destination / "wheels")
    _name_interpreter(destination / "bin", python)


def hooks(destination: Path, python: Path) -> Path:
    """The release's hooks, whose scripts name the interpreter `python`."""
    shutil.copytree(HERE / "hooks", destination)
    _name_interpreter(destination, python)
    return destination


def _name_interpreter(folder: Path, python: Path) -> None:
    """Make each script's first line name `python`, as installers do: a service's PATH is not ours to know."""
    for script in folder.iterdir():
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace("#!/usr/bin/env python3", f"#!{python}", 1), encoding="utf-8")


def build(version: str, folder: Path, python: Path, keys: Path, notice: Path, work: str | None = None) -> Path:
    """The signed archive of one release, made by the vendor's own command; `work` is a hook of its migration more."""
    payload(version, folder / version, python)
    scripts = hooks(folder / f"hooks-{version}", python)
    if work is not None:
        (scripts / WORK).write_text(work, encoding="utf-8")
        (scripts / WORK).chmod(0o755)
    archive = folder / f"{PRODUCT}-{version}.ospi"
    options = [f"--keys={keys}", f"--product={PRODUCT}", f"--version={version}", "--requires=>=5.0", "--writable=venv"]
    options += [f"--payload={folder / version}", f"--hooks={scripts}", f"--notice={notice}"]
    options += [f"--hook={hook}" for hook in (*HOOKS, *([f"migrate:{WORK}:900:Reprise"] if work is not None else []))]
    run_tool("ospi-release", "build", *options, "-o", str(archive))
    return archive


def run_tool(name: str, *arguments: str, timeout: float = 120) -> str:
    """The standard output of one of the program's two commands; RuntimeError with its words where it fails."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"{name} {arguments[0]}: {done.stderr}")
    return done.stdout


def platform_account() -> str | None:
    """The account that services and hooks run under: never root's."""
    return "nobody" if os.geteuid() == 0 else None


def platform_python() -> Path:
    """An interpreter like ours that the platform's account can run: ours, or the system's where ours is private."""
    ours = Path(sys.executable).resolve()
    for python in (ours, Path("/usr/local/bin/python3"), Path("/usr/bin/python3")):
        if _usable(python):
            return python
    raise RuntimeError(f"the account {platform_account()} can run no Python {sys.version_info[:2]} with venv")


def _usable(python: Path) -> bool:
    same = f"import sys, venv, ensurepip, sqlite3; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.run([python, "-c", same], **as_platform(), capture_output=True, cwd="/").returncode == 0
    except OSError:
        return False


def as_platform() -> dict[str, Any]:
    """The arguments of `subprocess` that run a command under the platform's account."""
    account = platform_account()
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
