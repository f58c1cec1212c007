"""Real folders for backups: filled with all that a file system may hold, and compared to the last attribute."""

import hashlib
import os
import random
import stat
from pathlib import Path
from typing import Any

State = dict[str, tuple[Any, ...]]

ODD_NAMES = (
    b"avec des espaces ",
    b"deux\nlignes",
    b"latin-1 \xe9t\xe9",
    b"\xff\xfe\x01",
    "été".encode(),
    b"-rf",
    b"*?[a]'\"",
)


def fill(folder: Path, files: int, seed: int = 1) -> None:
    """`files` small files of random contents, a hundred a folder."""
    chance = random.Random(seed)
    for number in range(files):
        path = folder / f"service {number // 100}" / f"dossier-{number}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.randrange(3000)))


def add_oddities(folder: Path) -> None:
    """Odd names, links of both kinds, a sparse file, a pipe, an empty folder, modes and times of long ago."""
    for name in ODD_NAMES:
        path = folder / os.fsdecode(name)
        path.write_bytes(name)
        inner = folder / os.fsdecode(b"dossier " + name)
        inner.mkdir()
        (inner / os.fsdecode(name)).write_bytes(name)
    (folder / ("long" * 50)).mkdir()
    (folder / ("long" * 50) / ("nom" * 80)).write_text("long")
    (folder / "vide").mkdir()
    (folder / "premier").write_text("deux noms")
    (folder / "second").hardlink_to(folder / "premier")
    (folder / "lien").symlink_to("second")
    (folder / "lien mort").symlink_to("/nulle/part/é\n")
    os.mkfifo(folder / "tube")
    with (folder / "creux").open("wb") as file:
        file.truncate(1 << 26)
        file.seek(1 << 25)
        file.write(b"au milieu")
    (folder / "prive").write_text("secret")
    (folder / "prive").chmod(0o4400)
    (folder / "lecture seule").mkdir()
    (folder / "lecture seule" / "fichier").write_text("x")
    os.utime(folder / "premier", ns=(1_000_000_001, 1_000_000_001))
    os.utime(folder / "vide", ns=(-1_500_000_000, -1_500_000_000))
    (folder / "lecture seule").chmod(0o2550)
    if os.getuid() == 0:
        os.chown(folder / "prive", 12345, 54321)
        os.lchown(folder / "lien", 3_000_000, 3_000_001)


def state_of(folder: Path) -> State:
    """Everything that a restore must bring back, by name; links' targets and hard links' groups included."""
    state: State = {}
    first_names: dict[int, str] = {}
    for path in sorted([folder, *folder.rglob("*")]):
        facts = path.lstat()
        name = str(path.relative_to(folder))
        content: Any = None
        if stat.S_ISREG(facts.st_mode):
            content = (_digest(path), facts.st_size, first_names.setdefault(facts.st_ino, name))
        elif stat.S_ISLNK(facts.st_mode):
            content = path.readlink()
        attributes = {key: os.getxattr(path, key, follow_symlinks=False) for key in _attributes(path)}
        state[name] = (facts.st_mode, facts.st_uid, facts.st_gid, facts.st_mtime_ns, content, attributes)
    return state


def _attributes(path: Path) -> list[str]:
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError:  # a file system, or a pipe, without attributes
        return []


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
