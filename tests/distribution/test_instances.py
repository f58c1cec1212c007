"""Two applications of a group on one server, each with its supervisor: what happens to one is none of the other's."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.layout import REPOSITORY
from distribution.__main__ import TRIAL_KEYS
from ospi_supervisor import __version__
from tests.distribution.server import Server, build_release, complete, put_platform, start_platform
from tests.support.demo import FINAL
from tests.support.system import wait_until

pytestmark = [pytest.mark.system, pytest.mark.full]

RUN = f"sh remis/ospi-supervisor-{__version__}.run"
SITES = {"un": ("", 8000), "deux": ("-deux", 8001)}
"""A platform's name: what its supervisor's names end in, and its own port."""
RATE = 100


@pytest.fixture(scope="module")
def both(server: Server) -> Server:
    """Each installed by the one file; both behind one nginx."""
    for name, (suffix, port) in SITES.items():
        command = RUN + (f" --instance {name}" if suffix else "")
        assert "Il reste à compléter" in server.type(command)
        put_platform(server, name, port)
        config = server.path(f"/etc/ospi-supervisor{suffix}/supervisor.toml")
        config.write_text(
            complete(config.read_text(encoding="utf-8"), name, port, f"http://{name}.test/"), encoding="utf-8"
        )
        server.run(f"ospi-supervisor{suffix}", "adopt", "11.5.0")
        start_platform(server, name, port)
        assert "est installé" in server.type(command)
        server.type(f"ospi-supervisor{suffix} proxy nginx > /etc/nginx/conf.d/{name}.conf")
    server.type("nginx -t; nginx")
    for name, (suffix, _) in SITES.items():
        page = f"http://{name}.test/superviseur{suffix}/sante"
        wait_until(lambda page=page: server.run("curl", "-fsS", page, check=False).returncode == 0, page)  # type: ignore[misc]
    return server


@contextmanager
def asked(server: Server, name: str, version: str) -> Iterator[dict[str, Any]]:
    """The platform `name` is asked all along, from its own network; at the end, how often and what was wrong."""
    told: dict[str, Any] = {}
    command = ["nsenter", "--target", str(server.pid), "--net", sys.executable, "-m", "tests.distribution.load"]
    with subprocess.Popen(
        [*command, f"{name}.test", version, str(RATE)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield told
        out, _ = process.communicate()
        told.update(json.loads(out))


@contextmanager
def held_turn(server: Server) -> Iterator[None]:
    """As long as another instance would be at it."""
    script = "exec 9>/run/ospi-supervisor.turn; flock 9; echo held; exec cat"
    with subprocess.Popen(
        server.inside("sh", "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


def import_there(server: Server, suffix: str, archive: Path) -> tuple[int, str]:
    """Import an archive by the instance's own command and wait for its end."""
    target = server.path(f"/root/{archive.name}")
    target.write_bytes(archive.read_bytes())
    words = (f"ospi-supervisor{suffix}", "import", f"/root/{archive.name}", "--notice-read", "--wait")
    done = server.run(*words, check=False)
    return done.returncode, done.stdout + done.stderr


def check_load(told: dict[str, Any]) -> None:
    assert told["wrong"] == []
    assert told["asked"] >= 0.9 * RATE * told["seconds"]


def test_nothing_of_one_is_the_others(both: Server) -> None:
    said = both.type(
        "ls /opt/ospi-supervisor/releases /opt/ospi-supervisor-deux/releases; id ospi-web; id ospi-web-deux"
    )
    assert said.count(__version__) == 2
    for unit in ("web", "worker"):
        text = both.path(f"/etc/systemd/system/ospi-supervisor-deux-{unit}.service").read_text(encoding="utf-8")
        assert "/opt/ospi-supervisor-deux/current/bin/ospi-supervisor" in text
        assert not [line for line in text.splitlines() if "/var/lib/ospi-supervisor/" in line]
    owner = both.run("stat", "--format=%U", "/var/lib/ospi-supervisor-deux/web/web.db").stdout
    assert owner == "ospi-web-deux\n"
    listening = [line for line in both.run("ss", "-ltn").stdout.splitlines() if ":881" in line]
    assert len(listening) == 2
    as_the_first = "setpriv --reuid=ospi-web --regid=ospi-web --clear-groups"
    assert both.run("sh", "-c", f"{as_the_first} ls /var/lib/ospi-supervisor-deux/web", check=False).returncode != 0
    assert (
        both.run("ospi-supervisor-deux", "status").stdout
        == both.run("ospi-supervisor", "--instance", "deux", "status").stdout
    )


def test_one_is_updated_while_the_other_serves(both: Server, delivered: Path, tmp_path: Path) -> None:
    archive = build_release(tmp_path, delivered / TRIAL_KEYS, "un", "11.6.0")
    with asked(both, "deux", "11.5.0") as told:
        code, said = import_there(both, "", archive)
    assert code == 0, said
    assert json.loads(both.run("curl", "-fsS", "http://un.test/").stdout)["version"] == "11.6.0"
    check_load(told)


def test_one_is_rolled_back_while_the_other_serves(both: Server, delivered: Path, tmp_path: Path) -> None:
    archive = build_release(tmp_path, delivered / TRIAL_KEYS, "deux", "11.6.0", fails=True)
    with asked(both, "un", "11.6.0") as told:
        code, said = import_there(both, "-deux", archive)
    assert code == 1, said
    assert "ramenée à l'ancienne version" in said
    assert json.loads(both.run("curl", "-fsS", "http://deux.test/").stdout)["version"] == "11.5.0"
    check_load(told)
    history = json.loads(both.run("ospi-supervisor", "history", "--json").stdout)
    assert [update["to"] for update in history] == ["11.6.0"]


def test_they_come_one_after_the_other(both: Server, delivered: Path, tmp_path: Path) -> None:
    """The machine's turn is taken by somebody else: the update waits, says so, and goes on by itself."""
    archive = build_release(tmp_path, delivered / TRIAL_KEYS, "un", "11.7.0")
    both.path("/root/11.7.ospi").write_bytes(archive.read_bytes())
    with held_turn(both):
        both.run("ospi-supervisor", "import", "/root/11.7.ospi", "--notice-read")
        wait_until(lambda: "attend son tour" in both.run("ospi-supervisor", "log", "2", check=False).stdout, "the wait")
        assert json.loads(both.run("ospi-supervisor", "history", "--json").stdout)[0]["status"] == "queued"
    wait_until(
        lambda: json.loads(both.run("ospi-supervisor", "history", "--json").stdout)[0]["status"] in FINAL, "the end"
    )
    assert json.loads(both.run("curl", "-fsS", "http://un.test/").stdout)["version"] == "11.7.0"


def test_one_is_taken_away_and_the_other_stays(both: Server) -> None:
    both.type(f"{RUN} --instance deux --uninstall")
    assert not both.path("/opt/ospi-supervisor-deux").exists()
    assert both.path("/var/lib/ospi-supervisor-deux/engine/engine.db").exists()
    both.run("ospi-supervisor", "status")
    assert both.run("curl", "-fsS", "http://un.test/superviseur/sante", check=False).returncode == 0
