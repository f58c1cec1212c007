"""What no restore could bring back, and where no backup could be kept, is told before anything changes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import RefusedError
from tests.phases.conftest import FileServices, MemoryRun, answering, make_config, make_run, make_stub, services
from tests.phases.test_prerequisites import EASY, phase
from tests.support.system import require_program, require_root
from tests.support.tmpfs import small_disk

__all__ = ["answering", "make_config", "make_run", "make_stub", "services"]

pytestmark = pytest.mark.system

LOOK = """
import sys
from pathlib import Path
from ospi_supervisor.system.probes import ownership_refusal
print(ownership_refusal(Path(sys.argv[1])))
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "service").mkdir(parents=True)
    (tmp_path / "data" / "service" / "dossier").write_text("x")
    return tmp_path / "data"


@pytest.fixture(params=["+a", "+i"])
def sealed(request: pytest.FixtureRequest, data: Path) -> Iterator[Path]:
    require_root("attributes are set")
    path = data / "service" / "dossier"
    subprocess.run(["chattr", request.param, path], check=True)
    yield path
    subprocess.run(["chattr", f"-{request.param[1]}", path], check=True)


def test_a_file_that_nobody_can_replace_refuses_and_is_named(
    sealed: Path,
    services: FileServices,
    answering: Callable[..., Config],
    make_run: Callable[[Phase], MemoryRun],
) -> None:
    with pytest.raises(RefusedError, match=rf"Fichiers des données : « {sealed} » \(.*chattr") as caught:
        phase(answering(prerequisites=EASY), services).do(make_run(Phase.PREREQUISITES))
    assert caught.value.code == "prerequisites"


def test_a_disk_in_the_data_that_is_read_only_is_named(data: Path, tmp_path: Path) -> None:
    with small_disk(data / "archive", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        found = Snapshots(tmp_path / "sauvegardes", [data], [], 1).irreplaceable()
    assert found is not None
    assert f"« {data}/archive » (système de fichiers en lecture seule)" in found


def test_what_can_be_replaced_is_not_named(data: Path, tmp_path: Path) -> None:
    (data / "lien").symlink_to("nulle part")
    assert Snapshots(tmp_path / "sauvegardes", [data], [], 1).irreplaceable() is None


@pytest.mark.parametrize(("call", "words"), [("fchmod", "chmod"), ("fchown", "chown")])
def test_a_backup_folder_that_keeps_no_mode_or_owner_is_told(tmp_path: Path, call: str, words: str) -> None:
    """As a network share does: the system call is refused."""
    require_root("owners are changed")
    require_program("strace")
    command = [sys.executable, "-c", LOOK, str(tmp_path)]
    refusing = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=EPERM"]
    said = [
        subprocess.run([*prefix, *command], check=True, capture_output=True, text=True).stdout
        for prefix in ([], refusing)
    ]
    assert said[0] == "None\n"
    assert f"({words}) : Operation not permitted" in said[1]
    assert list(tmp_path.iterdir()) == []
