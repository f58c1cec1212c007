"""Each long command, interrupted in each way, at a terminal and without: what it says, and what is there."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from demo.layout import REPOSITORY
from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_documents import Answer
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.web_store import WebStore
from tests.e2e import interruptions as rows
from tests.e2e.interruptions import Row
from tests.support.demo import Client, RunningDemo, wait_for
from tests.support.terminal import CLOSED, CTRL_C, TERM, Running, running

pytestmark = pytest.mark.system

WAYS = (CTRL_C, TERM, CLOSED)
AT_A_TERMINAL = [
    pytest.param(True, id="terminal"),
    pytest.param(False, id="sans terminal", marks=pytest.mark.full),
]
LARGE_BYTES = 60_000_000


@pytest.fixture(scope="module")
def server(demo: RunningDemo) -> RunningDemo:
    """A demonstration with data that take some time, and a backup of them."""
    (demo.layout.data / "documents" / "imagerie.bin").write_bytes(os.urandom(LARGE_BYTES))
    assert demo.cli("backup", "create").returncode == 0
    return demo


@contextmanager
def command(server: RunningDemo, *words: str, terminal: bool) -> Iterator[Running]:
    with running([*server.program, "--config", str(server.layout.config), *words], terminal=terminal) as one:
        yield one


@contextmanager
def worker_held(server: RunningDemo) -> Iterator[None]:
    """With the worker in the middle of whatever it does."""
    pid = server.document["pids"]["worker"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def check(one: Running, row: Row, status: int = 1) -> None:
    """It ends so, in these words, and in no others that frighten."""
    assert one.end() == status, one.said
    assert "Traceback" not in one.said
    if not one.lost:
        assert row.says in one.said, one.said
    if row is not rows.CONFIRMING:
        assert "Abandonné" not in one.said


def backups(server: RunningDemo) -> list[str]:
    """Those that lead to the old release: those of the new one, which restorations take first, outlive some of them."""
    rows = json.loads(server.cli("backup", "list", "--json").stdout)
    return [row["id"] for row in rows if row["release"] == "11.5.0"]


def folders(server: RunningDemo) -> set[str]:
    return {path.name for path in server.layout.backups.iterdir() if path.is_dir()}


def import_good(server: RunningDemo) -> tuple[str, ...]:
    return ("import", str(server.archive("good")), "--notice-read", "--wait")


def newest(server: RunningDemo) -> dict[str, object]:
    updates: list[dict[str, object]] = Client(server).get("api/updates")
    return updates[0] if updates else {"id": 0}


@pytest.mark.parametrize("terminal", AT_A_TERMINAL)
@pytest.mark.parametrize("how", WAYS)
def test_a_backup_leaves_nothing(server: RunningDemo, terminal: bool, how: str) -> None:
    before = folders(server)
    with command(server, "backup", "create", terminal=terminal) as one, one.stopped_child("tar"):
        one.interrupt(how)
        check(one, rows.TAKING)
    assert folders(server) == before


def test_a_restoration_is_confirmed_at_the_terminal(server: RunningDemo) -> None:
    before = server.data()
    with command(server, "backup", "restore", backups(server)[0], terminal=True) as one:
        one.wait_for("Continuer ?")
        one.interrupt(CTRL_C)
        check(one, rows.CONFIRMING)
    with command(server, "backup", "restore", backups(server)[0], terminal=False) as one:
        check(one, rows.UNCONFIRMED)
    assert (server.data(), server.portal_version()) == (before, "11.5.0")


@pytest.mark.parametrize("terminal", AT_A_TERMINAL)
@pytest.mark.parametrize("how", [CTRL_C, pytest.param(TERM, marks=pytest.mark.full), CLOSED])
def test_a_restoration_that_changed_nothing_is_given_up(server: RunningDemo, terminal: bool, how: str) -> None:
    before, there = server.data(), folders(server)
    with command(server, "backup", "restore", backups(server)[0], "--yes", terminal=terminal) as one:
        one.wait_for("Sauvegarde de précaution")
        with one.stopped_child("tar"):
            one.interrupt(how)
            check(one, rows.BEFORE)
    assert (server.data(), server.portal_version(), folders(server)) == (before, "11.5.0", there)
    assert json.loads(server.cli("status", "--json").stdout)["maintenance"] is False


@pytest.mark.full
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "sans terminal"])
@pytest.mark.parametrize("how", WAYS)
def test_a_rehearsal_leaves_nothing(server: RunningDemo, terminal: bool, how: str) -> None:
    back_to_the_old_release(server)
    releases = server.layout.platform / "releases"
    before, there, installed = server.data(), folders(server), sorted(releases.iterdir())
    archive = str(server.archive("good"))
    with command(server, "rehearse", archive, terminal=terminal) as one, one.stopped_child("tar"):
        one.interrupt(how)
        check(one, rows.REHEARSING)
    assert (server.data(), folders(server), sorted(releases.iterdir())) == (before, there, installed)


@pytest.mark.parametrize("terminal", AT_A_TERMINAL)
def test_an_update_goes_on_without_who_followed_it(server: RunningDemo, terminal: bool) -> None:
    back_to_the_old_release(server)
    first = str(newest(server)["id"] or 0)
    with command(server, *import_good(server), terminal=terminal) as one:
        one.wait_for("Vérification de l'archive")
        with worker_held(server):
            one.interrupt(CTRL_C)
            check(one, rows.FOLLOWED)
            for how in WAYS:
                with command(server, "follow", terminal=terminal) as other:
                    other.wait_for("Vérification de l'archive")
                    other.interrupt(how)
                    check(other, rows.FOLLOWING)
    with command(server, "follow", "--json", terminal=terminal) as one:
        assert one.end() == 0, one.said
    assert json.loads(one.said.splitlines()[-1])["data"]["status"] == "succeeded"
    assert (server.portal_version(), str(newest(server)["id"])) == ("11.6.0", str(int(first) + 1))
    piped = f"{' '.join(server.program)} --config {server.layout.config} follow | head -1"
    with running(["sh", "-c", piped], terminal=terminal) as one:
        assert one.end() == 0
    assert len(one.said.splitlines()) == 1, one.said


@pytest.mark.parametrize("terminal", AT_A_TERMINAL)
@pytest.mark.parametrize("how", [CLOSED, pytest.param(CTRL_C, marks=pytest.mark.full)])
def test_a_restoration_that_began_goes_to_its_end(server: RunningDemo, terminal: bool, how: str) -> None:
    """And so leads back to 11.5.0, for what follows."""
    snapshot = backups(server)[0]
    with command(server, "backup", "restore", snapshot, "--yes", terminal=terminal) as one:
        one.wait_for(f"Restauration de {snapshot}")
        one.interrupt(how)
        assert one.end() == 0, one.said
    if not one.lost:
        assert rows.BEYOND.says in one.said
    wait_for("11.5.0", lambda: server.portal_version() == "11.5.0")
    assert json.loads(server.cli("status", "--json").stdout)["maintenance"] is False
    assert (server.layout.data / "documents" / "imagerie.bin").stat().st_size == LARGE_BYTES


@pytest.mark.parametrize("terminal", AT_A_TERMINAL)
@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(rows.ASKED, None, id="import"),
        pytest.param(rows.AUTOMATIC, ("auto", "run"), id="auto run", marks=pytest.mark.full),
    ],
)
def test_what_was_asked_is_done(server: RunningDemo, terminal: bool, row: Row, words: tuple[str, ...] | None) -> None:
    before = newest(server)["id"]
    back_to_the_old_release(server)
    if words is not None:
        assert server.cli("auto", "set", "update.auto.disable", "OUI").returncode == 0
    with worker_held(server), command(server, *(words or import_good(server)), terminal=terminal) as one:
        wait_for("the request", lambda: asked(server))
        one.interrupt(CTRL_C)
        check(one, row)
    wait_for("its answer", lambda: not asked(server))
    assert refusals(server) == []
    wait_for("another update", lambda: newest(server)["id"] != before)
    Client(server).wait_until_final(int(str(newest(server)["id"])))
    assert server.portal_version() == "11.6.0"


def back_to_the_old_release(server: RunningDemo) -> None:
    """By its backup, where an update led away from it."""
    if server.portal_version() != "11.5.0":
        restored = server.cli("backup", "restore", backups(server)[0], "--yes")
        assert restored.returncode == 0, restored.stderr
        assert server.portal_version() == "11.5.0"


def answers(server: RunningDemo) -> list[Answer | None]:
    """What the worker said of each request, None of one that waits for it."""
    paths = StatePaths(server.layout.state)
    with (
        closing(WebStore(sqlite_url(paths.web_db))) as web,
        closing(EngineReader(sqlite_url(paths.engine_db))) as reader,
    ):
        return [reader.answer(row.id) for row in web.requests_after(0)]


def asked(server: RunningDemo) -> bool:
    """Whether a request waits for the worker."""
    return None in answers(server)


def refusals(server: RunningDemo) -> list[str]:
    """Why the worker refused what was asked."""
    return [answer["message"] for answer in answers(server) if answer and not answer["accepted"]]


def test_the_document_says_the_same() -> None:
    text = (REPOSITORY / "docs" / "interruptions.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    assert found == [(row.command, row.moment, row.says, row.then) for row in rows.ROWS]
