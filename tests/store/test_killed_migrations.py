"""Promise: a kill at any instant of a migration leaves the old database or the new one, and the next start goes on."""

import shutil
import signal
from pathlib import Path

import pytest

from ospi_supervisor.store.formats import Format
from tests.store.test_formats import FORMATS, files, opened, rows, schema
from tests.support.migrating import count_instants, kill_at
from tests.support.old_state import lay_out_old_site

INSTANTS = 10


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda wanted: wanted.name)
def test_killed_at_ten_instants(tmp_path: Path, wanted: Format) -> None:
    lay_out_old_site(tmp_path / "old")
    paths = {"engine": "state/engine/engine.db", "web": "state/web/web.db", "queue": "state/queue/huey.db"}

    def fresh(name: str) -> Path:
        shutil.copytree(tmp_path / "old", tmp_path / name, symlinks=True)
        return tmp_path / name / paths[wanted.name]

    done = fresh("done")
    before, old_schema = rows(done), schema(done)
    count = count_instants(done, wanted)
    new_schema, beside = schema(done), files(done.parent)
    assert count > 2 * INSTANTS
    left = set()
    for instant in range(count, 0, -(count // INSTANTS)):
        path = fresh(f"killed-{instant}")
        assert kill_at(instant, path, wanted) == -signal.SIGKILL
        found = schema(path)
        left.add("new" if found == new_schema else "old")
        assert found in (old_schema, new_schema)
        assert rows(path) == before
        opened(path, wanted)
        assert schema(path) == new_schema
        assert rows(path) == before
        assert rows(path.with_name(f"{path.name}.format-1")) == before
        assert {name for name in files(path.parent) if not name.endswith(("-wal", "-shm"))} == beside
    assert left == {"old", "new"}
