"""A hook that tries the real machine reaches the twin, or nothing."""

import ctypes
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.rehearsal import Outcome
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.site import NEW, OLD, Heard, Site, usual_account
from tests.support.system import listens, require_root

ESCAPE = Path(__file__).with_name("escape.py").read_text()
MARK = "écrit depuis la répétition".encode()
CRON = Path("/etc/cron.d/ospi-evasion")
SHM_KEY = 0x0591AB00
IPC_CREAT, IPC_RMID = 0o1000, 0
ROOTS_SOCKETS = ("/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/notify", "/run/docker.sock")
"""Made where this machine has none: those of D-Bus, of systemd, of containers."""


class Ear:
    """Listens at some address; `heard` counts who came from a twin: others may ask the bus for something meanwhile."""

    def __init__(self, family: socket.AddressFamily, address: Any) -> None:
        self.heard = 0
        self._server = socket.socket(family)
        self._server.bind(address)
        self._server.listen(5)
        if family is socket.AF_UNIX and not address.startswith("\0"):
            Path(address).chmod(0o777)
        self.address = self._server.getsockname()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with closing(client), suppress(OSError):
                    client.settimeout(5)
                    self.heard += MARK in client.recv(1024)

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@contextmanager
def ears(paths: list[Path]) -> Iterator[list[Ear]]:
    """Listeners at those paths which nobody has, with the folders that they need."""
    with ExitStack() as stack:
        made = []
        for path in paths:
            if path.exists():
                continue
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
                stack.callback(path.parent.rmdir)
            stack.callback(path.unlink)
            made.append(stack.enter_context(closing(Ear(socket.AF_UNIX, str(path)))))
        yield made


@contextmanager
def segment() -> Iterator[None]:
    """Shared memory that everybody may attach."""
    libc = ctypes.CDLL(None)
    number = libc.shmget(SHM_KEY, 4096, IPC_CREAT | 0o666)
    assert number >= 0
    try:
        yield
    finally:
        libc.shmctl(number, IPC_RMID, None)


def own_address() -> str:
    """This machine's address on its network, or that of its loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def attempts(site: Site, unix: list[Path], lan: tuple[str, int], abstract: str) -> dict[str, tuple[str, Any]]:
    """What the hook tries, by a name: it must reach nothing, those aside that lead to the twin."""
    mails = Path("/var/spool/postfix/maildrop/evasion"), Path("/var/spool/mqueue/evasion")
    secret = site.config.paths.engine_dir / "secret"
    return {
        **{f"connect {path}": ("connect", str(path)) for path in unix},
        "abstract": ("connect", abstract.replace("\0", "@")),
        "lan": ("connect", list(lan)),
        "internet": ("connect", ["1.1.1.1", 443]),
        "dns": ("connect", ["8.8.8.8", 53]),
        "portal's port": ("connect", ["127.0.0.1", site.port]),
        "portal's process": ("kill", int((site.root / "run/pid").read_text())),
        "worker's process": ("kill", os.getpid()),
        "all processes": ("kill_all", None),
        "memory": ("attach", SHM_KEY),
        "memory file": ("read", "/dev/shm/ospi-evasion"),  # noqa: S108
        "state": ("read", str(secret)),
        "backups": ("write", str(site.config.backup.directory / "evasion")),
        **{f"mail {place}": ("write", str(place)) for place in mails},
        "cron": ("write", str(CRON)),
        "crontab": ("write", "/var/spool/cron/crontabs/evasion"),
        "tmp": ("write", "/tmp/ospi-evasion"),  # noqa: S108
        "data": ("write", str(site.root / "data/documents/liste")),
        "database": ("write", str(site.database)),
        "old release": ("write", str(site.root / f"platform/releases/{OLD}/VERSION")),
        "new release": ("write", str(site.root / f"platform/releases/{NEW}/VERSION")),
        "run": ("write", str(site.root / "run/pid")),
        "system": ("write", "/usr/ospi-evasion"),
        "kernel": ("write", "/proc/sys/kernel/domainname"),
        "queue": ("run", ["sh", "-c", "sendmail root || mail root"]),
        "systemctl": ("run", ["systemctl", "stop", "cron"]),
        "at": ("run", ["sh", "-c", "crontab -"]),
    }


MAILS = Path("/var/spool/postfix")
REAL = ("/tmp/ospi-evasion", "/usr/ospi-evasion", "/var/spool/cron/crontabs/evasion", str(CRON))  # noqa: S108


@pytest.mark.parametrize("as_root", [False, True])
def test_whatever_a_hook_tries_reaches_the_twin_or_nothing(make_site: MakeSite, as_root: bool) -> None:
    require_root("sockets in /run, shared memory of others")
    site = make_site(None if as_root else usual_account(), health=1)
    site.hook("")
    (site.config.paths.engine_dir / "secret").write_text("secret")
    mails = sorted(MAILS.rglob("*"))
    memory = Path("/dev/shm/ospi-evasion")  # noqa: S108
    memory.write_text("secret")
    places = [*map(Path, ROOTS_SOCKETS), site.root / "run/app.sock", site.root / "data/app.sock"]
    places += [site.root / "state/engine/worker.sock", Path("/tmp/ospi-evasion.sock"), Path("/opt/ospi-evasion.sock")]  # noqa: S108
    before = {path: path.read_bytes() for path in site.root.rglob("*") if path.is_file() and "state" not in path.parts}
    with (
        ears(places) as unix,
        closing(Ear(socket.AF_INET, ("0.0.0.0", 0))) as lan,  # noqa: S104
        closing(Ear(socket.AF_UNIX, "\0ospi-evasion")) as abstract,
        segment(),
    ):
        tried = attempts(site, places, (own_address(), lan.address[1]), "\0ospi-evasion")
        site.hook(ESCAPE.replace("{attempts}", json.dumps(tried)))
        before |= {path: path.read_bytes() for path in site.root.glob("platform/releases/*/hooks/*")}
        heard = Heard()
        verdict = site.rehearse(heard)
        came = {str(ear.address): ear.heard for ear in (*unix, lan, abstract)}
    memory.unlink()
    said = {line["name"]: line["said"] for line in map(json.loads, heard.lines)}
    assert said.keys() == tried.keys(), verdict
    assert {place: count for place, count in came.items() if count} == {}
    reached = {name for name, words in said.items() if words.startswith("reached")}
    assert not {"kernel", "system"} & reached
    assert sorted(MAILS.rglob("*")) == mails
    beyond = {name for name in reached if tried[name][0] in ("connect", "read", "attach", "kill", "run")}
    assert beyond <= {"queue"}, said  # root's own spool has a copy in the twin, from which nobody takes a mail
    assert {path: path.read_bytes() for path in before} == before
    assert [path for path in REAL if Path(path).exists()] == []
    assert not (site.config.backup.directory / "evasion").exists()
    assert listens(site.port)
    assert verdict.outcome is not Outcome.REFUSED or "data" in reached  # it destroyed the twin's own database, at most
