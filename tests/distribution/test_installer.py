"""The installer's text under plain shells: what it refuses, in one line, before anything is changed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from distribution.payload import HERE
from distribution.run_file import INSTALLER, write_run
from tests.support.system import require_program, require_root

SHELLS = (("dash",), ("busybox", "sh"))
SCRIPTS = (INSTALLER, *sorted((HERE / "release" / "bin").iterdir()), HERE / "release" / "hooks" / "10-programme")
PLACES = ("/tmp", "/opt", "/usr/local/bin", "/var/lib", "/etc/systemd")  # noqa: S108 - of the test's own
"""What an installation would change; empty here, and the rest of the machine can only be read."""

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real text, with a payload too small to be installed."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "payload" / "release").mkdir(parents=True)
    (folder / "payload" / "etc").mkdir()
    file = folder / "ospi-supervisor-1.2.3.run"
    write_run(folder / "payload", "1.2.3", file)
    return file


@pytest.fixture(params=SHELLS, ids=" ".join)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run a file under one shell; programs in the folder `bin` are found first. Nothing of the machine can change."""
    shell = [require_program(request.param[0]), *request.param[1:]]
    bwrap = require_program("bwrap")
    require_root("an installation is root's")
    (tmp_path / "bin").mkdir()

    def call(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        empty = [word for place in PLACES for word in ("--tmpfs", place)]
        path = f"{tmp_path / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        view = ["--ro-bind", "/", "/", "--dev", "/dev", *empty, "--ro-bind", *2 * [str(tmp_path.parent)]]
        command = [bwrap, *view, "--ro-bind", *2 * [str(file.parent)], "--setenv", "PATH", path, "--", *shell]
        words = [*command, str(file), *arguments]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    return call


def stand_in(folder: Path, name: str, script: str) -> Path:
    """A program of another machine's, which says what that one would."""
    program = folder / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that was said."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_it_is_plain_posix_shell() -> None:
    shellcheck = require_program("shellcheck")
    done = subprocess.run([shellcheck, "--shell=sh", *SCRIPTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_says_what_it_would_do(run: Run, run_file: Path) -> None:
    done = run(run_file, "--plan")
    assert done.returncode == 0, done.stderr
    for place in ("/opt/ospi-supervisor/releases/1.2.3", "/etc/ospi-supervisor/supervisor.toml", "ospi-web,"):
        assert place in done.stdout
    assert run(run_file, "--version").stdout == "1.2.3\n"
    assert "--uninstall" in run(run_file, "--help").stdout


@pytest.mark.parametrize("arguments", [("--pyton", "x"), ("--python",), ("11.6.0",)])
def test_wrong_usage_ends_with_2(run: Run, run_file: Path, arguments: tuple[str, ...]) -> None:
    assert run(run_file, *arguments).returncode == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("echo glibc 2.12", "la glibc de ce système est la 2.12 ; Superviseur demande la 2.17 ou une plus récente"),
        ("echo glibc 2.5", "la 2.5 ;"),
        ("exit 1", "glibc"),
    ],
)
def test_an_older_libc_is_refused_in_one_line(run: Run, run_file: Path, tmp_path: Path, said: str, words: str) -> None:
    stand_in(tmp_path, "getconf", said)
    assert words in refusal(run(run_file, "--plan"))


def test_glibc_2_17_is_enough(run: Run, run_file: Path, tmp_path: Path) -> None:
    stand_in(tmp_path, "getconf", "echo glibc 2.17")
    assert run(run_file, "--plan").returncode == 0


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("echo cpython 3.9 ", "n'est pas un Python 3.11, 3.12 ou 3.13 mais 3.9"),
        ("echo cpython 3.14 ", "mais 3.14"),
        ("exit 2", "mais 2"),
        ("echo pypy 3.11 ", "n'est pas CPython"),
        ("echo cpython 3.11 ssl,sqlite3", "les modules ssl,sqlite3"),
    ],
)
def test_an_unfit_python_is_refused_in_one_line(
    run: Run, run_file: Path, tmp_path: Path, said: str, words: str
) -> None:
    python = stand_in(tmp_path, "python3.old", said)
    assert words in refusal(run(run_file, "--plan", "--python", str(python)))


def test_a_python_that_the_web_account_cannot_reach_is_refused(run: Run, run_file: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said = f"case $3 in *realpath*) echo {closed}/python3 ;; *) echo 'cpython 3.11 ' ;; esac"
    python = stand_in(tmp_path, "python3.closed", said)
    assert f"{closed} est fermé au compte ospi-web" in refusal(run(run_file, f"--python={python}"))


def test_a_file_that_was_damaged_on_its_way_is_refused(run: Run, run_file: Path, tmp_path: Path) -> None:
    data = bytearray(run_file.read_bytes())
    data[-20] ^= 1
    damaged = tmp_path / "damaged.run"
    for content in (bytes(data), run_file.read_bytes()[:-1]):
        damaged.write_bytes(content)
        assert "est abîmé" in refusal(run(damaged))


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "maintenance", "web", "worker", "x" * 18, "a/b"])
def test_an_instance_has_a_plain_name(run: Run, run_file: Path, name: str) -> None:
    assert "ne peut pas nommer une instance" in refusal(run(run_file, "--plan", "--instance", name))


def test_there_must_be_something_to_remove(run: Run, run_file: Path) -> None:
    assert "rien n'est installé" in refusal(run(run_file, "--uninstall"))
