"""The web process holds nothing of what root does: what is not loaded cannot be called, whoever takes it over."""

import json
from pathlib import Path

import pytest

from tests.support.site import Archives, Site
from tests.support.system import free_port
from tests.support.web_process import RUN, web_process

WALL = ("worker", "engine", "phases", "hands", "rehearsal", "backup", "publisher")
TELLING = """
import atexit, json, sys
atexit.register(lambda: open({file!r}, "w").write(json.dumps(sorted(sys.modules))))
"""
PAGES = ("", "mises-a-jour/import", "sauvegardes", "support", "parametres/general", "api/status")


def test_a_web_process_that_serves_pages_has_loaded_nothing_behind_the_wall(
    tmp_path: Path, platform: str, archives: Archives
) -> None:
    port, told = free_port(), tmp_path / "modules.json"
    site = Site(tmp_path / "site", platform, archives.root, port=port)
    with web_process(site, port, TELLING.format(file=str(told)) + RUN) as web:
        session = web.session()
        for page in PAGES:
            assert session.get(f"{web.url}/{page}").status_code == 200, page
        web.stop()
    site.close()
    loaded = json.loads(told.read_text())
    assert "ospi_supervisor.operations.requests" in loaded
    assert [name for name in loaded if name.startswith(tuple(f"ospi_supervisor.{room}" for room in WALL))] == []


@pytest.mark.parametrize("room", WALL[:3])
def test_the_list_names_rooms(room: str) -> None:
    assert (Path(__file__).parents[3] / "ospi_supervisor" / room).is_dir()
