"""`ospi-supervisor check` on a real installation: all that can be wrong with one is named, with what to do."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from demo.layout import REPOSITORY
from tests.e2e.check_faults import FAULTS, Fault
from tests.e2e.test_two_accounts import ACCOUNTS, follow_the_guide, run
from tests.support.checked_server import CheckedServer
from tests.support.demo import wait_for
from tests.support.installation import install
from tests.support.memory_disk import lasting
from tests.support.system import require_root

pytestmark = pytest.mark.system

DOCUMENT = REPOSITORY / "docs" / "controles.md"
LEVELS = {"error": "faux", "warning": "avis"}
GROUPS = sorted({fault.group for fault in FAULTS})


@pytest.fixture(scope="module")
def server() -> Iterator[CheckedServer]:
    """One installation for all faults, in order but for two warnings: a shared origin, and maybe the clock."""
    require_root("processes run under several accounts")
    with TemporaryDirectory(dir=lasting()) as folder:
        Path(folder).chmod(0o755)
        server = CheckedServer(Path(folder), ACCOUNTS, install(Path(folder) / "programme"))
        follow_the_guide(server)
        try:
            server.start()
            wait_for("the worker", lambda: server.cli("status").returncode == 0)
            run(server, "systemd", str(server.units))
            for command in (("maintenance", "on"), ("maintenance", "off"), ("backup", "create")):  # as its section 8
                run(server, *command)
            yield server
        finally:
            server.stop()


def look(server: CheckedServer, faults: list[Fault]) -> None:
    """Do them, look, undo them."""
    with ExitStack() as stack:
        places = {"state": server.layout.state, "config": server.layout.config}
        for fault in faults:
            stack.enter_context(fault.do(server))
        found = server.check()
        for fault in faults:
            said = found.of(fault.check, fault.level)
            assert fault.says.format(**places) in said, (fault.title, said, found)
            assert fault.remedy in said, (fault.title, said)
        assert found.status == int(any(item["level"] == "error" for item in found.findings))


def test_an_installation_by_the_guide_is_in_order(server: CheckedServer) -> None:
    found = server.check()
    assert (found.status, [item for item in found.findings if item["level"] == "error"]) == (0, [])
    warned = {item["check"] for item in found.findings if item["level"] == "warning"}
    assert warned <= {"origin", "clock", "drills"}


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_wrong_is_named_with_its_remedy(server: CheckedServer, group: int) -> None:
    look(server, [fault for fault in FAULTS if fault.group == group])


@pytest.mark.full
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_each_alone_is_named_with_its_remedy(server: CheckedServer, fault: Fault) -> None:
    look(server, [fault])


def test_what_was_undone_is_told_no_more(server: CheckedServer) -> None:
    assert server.check().status == 0


def test_monitoring_reads_one_line_and_a_status(server: CheckedServer) -> None:
    form = r"OSPI {word} - [^|\n]+\| backup_age=\d+s free_platform=[\d.]+%;\d+: free_backups=[\d.]+%;\d+: ok=\d+ .*\n"
    warned = server.cli("check", "--nagios")
    assert warned.returncode == 1
    assert re.fullmatch(form.format(word="WARNING"), warned.stdout), warned
    with server.mode(server.paths.web_dir, 0o777):
        wrong = server.cli("check", "--nagios")
    assert wrong.returncode == 2
    assert re.fullmatch(form.format(word="CRITICAL"), wrong.stdout), wrong
    with server.contents(server.layout.config, "[supervisor"):
        unknown = server.cli("check", "--nagios")
    assert (unknown.returncode, unknown.stderr) == (3, "")
    assert re.fullmatch(r"OSPI UNKNOWN - configuration [^|\n]+\n", unknown.stdout)


def test_the_document_lists_what_is_looked_at() -> None:
    rows = re.findall(r"^\| (.+?) \| `(\w+)` \| (faux|avis) \| (.+?) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert [(title, check, level) for title, check, level, _ in rows] == [
        (fault.title, fault.check, LEVELS[fault.level]) for fault in FAULTS
    ]
    assert [title for (title, *_, remedy), fault in zip(rows, FAULTS, strict=True) if fault.remedy not in remedy] == []
    assert len(rows) >= 25
