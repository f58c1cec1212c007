"""`python -m demo`: what it says, what it keeps running, and how it ends."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from demo.layout import REPOSITORY
from demo.prepare import free_port
from tests.support.demo import Client, RunningDemo, wait_for

WAITS = "une mise à jour est en cours : attente de sa fin…"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration that the tests leave running."""
    running = RunningDemo(tmp_path_factory.mktemp("demo") / "avec espace")
    yield running
    running.stop()


@pytest.fixture
def own_demo(tmp_path: Path, demo: RunningDemo) -> Iterator[RunningDemo]:
    """A demonstration of one test's own, on what the shared one prepared."""
    kept = ["prepared.json", "state", "platform", "data", "vendor", "backups", "maintenance", "logs"]
    folder = tmp_path / "demo"
    folder.mkdir()
    for name in kept:
        source = demo.layout.root / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("*.lock"))
        else:
            shutil.copy2(source, folder / name)
    running = RunningDemo(folder)
    yield running
    if running.process.poll() is None:
        running.stop()


def run_module(folder: Path, *arguments: str, port: int | str) -> subprocess.CompletedProcess[str]:
    """`python -m demo`, expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "OSPI_DEMO_DIR": str(folder), "OSPI_DEMO_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_document_says_what_programs_need(demo: RunningDemo) -> None:
    document = demo.document
    assert document["url"] == demo.url
    assert document["supervisor_url"] == f"{demo.url}/superviseur"
    assert Path(document["config"]).is_file()
    assert set(document["pids"]) == {"vendor", "web", "worker", "platform"}
    assert all(psutil.pid_exists(pid) for pid in document["pids"].values())
    assert set(document["archives"]) == {
        "good",
        "unsigned",
        "foreign_key",
        "tampered",
        "downgrade",
        "platform_too_old",
        "wrong_product",
        "failing_migration",
        "failing_rehearsal",
        "decompressed",
    }
    assert all(Path(path).is_file() for path in document["archives"].values())


def test_what_is_printed_leads_to_the_same(demo: RunningDemo) -> None:
    said = demo.output.read_text(encoding="utf-8")
    document = demo.document
    for expected in (document["url"], document["admin"]["password"], document["user"]["password"]):
        assert expected in said
    for path in document["archives"].values():
        assert path in said


def tried(text: str, words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The one command in `text` that has those words, run in `folder` as it stands."""
    [line] = [line for line in text.splitlines() if re.match(rf"\W*[^ ].*/ospi-.* {words}\b", line)]
    return subprocess.run(shlex.split(line), cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("source", ["the output", "the README"])
def test_the_commands_that_are_given_are_for_this_demonstration(demo: RunningDemo, tmp_path: Path, source: str) -> None:
    text = demo.output.read_text(encoding="utf-8")
    if source == "the README":
        text = (REPOSITORY / "README.md").read_text(encoding="utf-8").replace("CHALLENGE", "DEMANDE")
        (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
        (tmp_path / ".demo").symlink_to(demo.layout.root)
    assert "update.auto.disable : NON" in tried(text, "auto run", tmp_path).stderr
    assert "aucune version n'est verrouillée" in tried(text, "unlock --challenge", tmp_path).stderr
    assert "ce n'est pas une demande de déblocage" in tried(text, "unlock-code", tmp_path).stderr


def test_passwords_are_for_their_owner_only(demo: RunningDemo) -> None:
    for path in (demo.layout.document, demo.layout.prepared):
        assert path.stat().st_mode & 0o077 == 0


def test_both_accounts_sign_in_and_only_one_is_an_administrator(demo: RunningDemo) -> None:
    assert Client(demo).get("api/status")["version"] == "11.5.0"
    user = Client(demo, "user")
    assert user.http.get(f"{user.base}/api/status", timeout=30).status_code == 403


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_process_that_dies_is_started_again(demo: RunningDemo, name: str) -> None:
    demo.kill(name)
    wait_for("an answer", lambda: demo.portal_version() == "11.5.0")
    wait_for("the worker's heartbeat", lambda: Client(demo).get("api/status")["worker"] == "up")


def test_an_ended_portal_shows_in_the_document_and_at_the_address(own_demo: RunningDemo) -> None:
    os.kill(own_demo.document["pids"]["platform"], signal.SIGKILL)
    wait_for("the document's news", lambda: own_demo.document["pids"]["platform"] is None)
    answer = requests.get(own_demo.url, timeout=10)
    assert answer.status_code == 503
    assert "X-OSPI-Maintenance" not in answer.headers
    assert requests.get(f"{own_demo.url}/superviseur/sante", timeout=10).status_code == 200


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.full) for number in (signal.SIGTERM, signal.SIGHUP))],
)
def test_a_signal_ends_all_of_it(own_demo: RunningDemo, number: signal.Signals) -> None:
    pids = own_demo.document["pids"].values()
    assert own_demo.stop(number) == 0
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)
    assert set(own_demo.document["pids"].values()) == {None}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", own_demo.port)) != 0
    assert WAITS not in own_demo.output.read_text(encoding="utf-8")


def test_a_signal_waits_for_the_update_that_must_be_finished_and_says_so(own_demo: RunningDemo) -> None:
    client = Client(own_demo)
    upload, _, _ = client.upload(own_demo.archive("good"))
    assert client.start_import(upload).status_code < 400
    wait_for("the maintenance", lambda: client.get("api/status")["maintenance"])
    assert own_demo.stop(signal.SIGINT) == 0
    assert WAITS in own_demo.output.read_text(encoding="utf-8")
    own_demo.start()
    assert own_demo.portal_version() == "11.6.0"


def test_a_killed_manager_takes_its_processes_along_and_a_second_start_goes_on(own_demo: RunningDemo) -> None:
    pids = own_demo.document["pids"]
    own_demo.process.kill()
    own_demo.process.wait()
    wait_for("their end", lambda: not psutil.pid_exists(pids["web"]) and not psutil.pid_exists(pids["worker"]))
    own_demo.start()
    assert own_demo.document["pids"]["platform"] == pids["platform"]
    assert own_demo.portal_version() == "11.5.0"


def test_a_second_one_in_the_same_folder_is_refused(demo: RunningDemo) -> None:
    second = run_module(demo.layout.root, port=free_port())
    assert second.returncode == 1
    assert "une démonstration tourne déjà" in second.stderr


def test_a_port_that_is_taken_is_said_clearly(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = run_module(tmp_path / "demo", port=port)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"le port {port} de 127.0.0.1 est déjà pris")


@pytest.mark.parametrize("port", ["http", "0", "70000", ""])
def test_a_port_that_is_none_is_wrong_usage(tmp_path: Path, port: str) -> None:
    refused = run_module(tmp_path / "demo", port=port)
    assert refused.returncode == 2
    assert "OSPI_DEMO_PORT" in refused.stderr


@pytest.mark.full
def test_a_preparation_cut_short_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "vendor" / "keys" / "private").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "notes.txt").write_text("à garder")
    running = RunningDemo(folder)
    try:
        assert running.portal_version() == "11.5.0"
    finally:
        running.stop()
    assert (folder / "notes.txt").read_text() == "à garder"


def test_reset_forgets_the_demonstration_and_nothing_else(own_demo: RunningDemo) -> None:
    folder = own_demo.layout.root
    assert "une démonstration tourne déjà" in run_module(folder, "--reset", port=8080).stderr
    own_demo.stop()
    (folder / "notes.txt").write_text("à garder")
    for _ in range(2):
        assert run_module(folder, "--reset", port=8080).returncode == 0
        assert [path.name for path in folder.iterdir()] == ["notes.txt"]
