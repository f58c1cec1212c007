"""The next versions of this program, as archives of it: one that is well, and one that spoils the state and dies; and
how long a change takes the pages away."""

import gzip
import io
import tarfile
import threading
import time
import zipfile
from pathlib import Path

from demo.layout import REPOSITORY
from distribution.__main__ import PRODUCT, build_archive
from distribution.wheels import FOR_ANY, build_own
from tests.distribution.server import Server

NEXT, BROKEN = "0.9.0", "0.9.5"
SITE = "http://un.test"
SABOTAGE = """
import sqlite3, sys
for database in ("engine/engine.db", "web/web.db"):
    with sqlite3.connect("/var/lib/ospi-supervisor/" + database) as spoiled:
        for (table,) in spoiled.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            spoiled.execute(f'DROP TABLE IF EXISTS "{table}"') if not table.startswith("sqlite_") else None
sys.exit(3)
"""
"""What the broken version's worker does when it is loaded: the worst that a bad migration could."""


def release_of(run: Path, folder: Path) -> Path:
    """The release tree that a `.run` file brings, unpacked into `folder`."""
    lines = int(run.read_bytes().partition(b"\nlines='")[2].partition(b"'")[0])
    packed = run.read_bytes().split(b"\n", lines)[lines]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as tar:
        tar.extractall(folder, filter="data")
    return folder / "release"


def next_archive(run: Path, keys: Path, version: str, folder: Path, *, broken: bool = False) -> Path:
    """The archive of this very program under another number, made from the tree of `run`."""
    release = release_of(run, folder / "tree")
    (own,) = (release / "wheels" / FOR_ANY).glob("ospi_supervisor-*.whl")
    own.unlink()
    wheel = build_own(REPOSITORY, folder / "own", version)
    target = release / "wheels" / FOR_ANY / wheel.name
    if broken:
        _spoil(wheel, target)
    else:
        target.write_bytes(wheel.read_bytes())
    build_archive(release, version, keys, folder, folder / "notice.pdf")
    return folder / f"{PRODUCT}-{version}.ospi"


def _spoil(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as spoiled:
        for item in whole.infolist():
            data = whole.read(item)
            spoiled.writestr(item, data + SABOTAGE.encode() if item.filename.endswith("jobs/worker.py") else data)


def is_there(server: Server) -> bool:
    return server.run("curl", "-fsS", "-m", "5", f"{SITE}/superviseur/sante", check=False).returncode == 0


class Absence:
    """How long the pages were away at a time, at most, while the block ran."""

    def __init__(self, server: Server) -> None:
        self._server, self._over, self.longest = server, threading.Event(), 0.0
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Absence":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        seen = time.monotonic()
        while not self._over.wait(0.05):
            if is_there(self._server):
                seen = time.monotonic()
            self.longest = max(self.longest, time.monotonic() - seen)
