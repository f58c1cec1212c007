"""The state that version 0.1.0 wrote (`tests/data/state-0.1.0`)."""

import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data/state-0.1.0"


@dataclass(frozen=True)
class OldUpdate:
    """An `engine.db` with one update, and the effects of its phases that stood."""

    sql: str
    effects: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Make the database at `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.executescript(self.sql)
            database.execute("PRAGMA journal_mode=wal")


@cache
def old_updates() -> dict[str, OldUpdate]:
    """Each of the updates, by what had become of it."""
    with tarfile.open(FOLDER / "engine.tar.xz") as tar:
        texts = {member.name: _text(tar, member) for member in tar}
    names = sorted(name.removesuffix(".sql") for name in texts if name.endswith(".sql"))
    return {
        name: OldUpdate(texts[f"{name}.sql"], tuple(json.loads(texts[f"{name}.json"])["effects"])) for name in names
    }


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    assert file is not None
    return file.read().decode()


def lay_out_old_site(folder: Path) -> dict[str, Any]:
    """The folder of a whole supervisor, its configuration naming `folder`; its facts."""
    with tarfile.open(FOLDER / "site.tar.xz") as tar:
        tar.extraction_filter = lambda member, _folder: member  # ours; older Pythons have no such thing, and need none
        tar.extractall(folder)  # noqa: S202
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    config = folder / "supervisor.toml"
    config.write_text(config.read_text().replace(facts["folder"], str(folder)))
    return facts
