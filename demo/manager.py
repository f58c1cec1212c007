"""Runs the demonstration's processes and starts anew those that die, as systemd would."""

import fcntl
import http.client
import json
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from demo.child import Child
from demo.layout import HOST, Layout
from demo.prepare import (
    ADMINISTRATOR,
    CUSTOMER,
    USER,
    Prepared,
    environment,
    forget,
    free_port,
    prepare,
    save,
    supervisor,
    vendor,
    write_config,
)
from demo.service import PortalService
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.system.files import write_atomically

READY_SECONDS = 30.0
STOP_SECONDS = 20.0
UPDATE_SECONDS = 180.0
POLL_SECONDS = 0.1


class Demo:
    """One demonstration at work."""

    def __init__(self, layout: Layout, port: int, prepared: Prepared) -> None:
        self._layout = layout
        self._prepared = prepared
        self._url = f"http://{HOST}:{port}"
        self._vendor_url = f"http://{HOST}:{prepared.vendor_port}/"
        self._supervisor_url = load_config(layout.config).supervisor_address
        self._port = port
        self._portal = PortalService(layout.platform, layout.data, layout.run, prepared.portal_port)
        self._children: list[Child] = []
        self._document: dict[str, object] = {}

    def run(self, stopping: threading.Event) -> None:
        """Start everything, say where it is, and keep it running until `stopping`; then stop it all."""
        try:
            self._start(stopping)
            if not stopping.is_set():
                print(self._words(), flush=True)
            while not stopping.wait(POLL_SECONDS):
                for child in self._children:
                    child.keep_alive()
                self._tell()
        finally:
            self._stop()

    def _start(self, stopping: threading.Event) -> None:
        # Held stopped: an update was cut short, and only the worker knows what must run (engine rule 4).
        if not load_config(self._layout.config).paths.hold.exists():
            self._service("start")
        web = [
            sys.executable,
            "-m",
            "demo.front",
            str(self._layout.config),
            f"http://{HOST}:{self._prepared.portal_port}",
        ]
        commands = {
            "vendor": vendor(self._layout, self._prepared.vendor_port),
            "web": web,
            "worker": supervisor(self._layout, "worker"),
        }
        for name, command in commands.items():
            self._children.append(Child(name, command, self._layout.logs / f"{name}.log"))
        self._tell()
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers() and not stopping.is_set():
            for child in self._children:
                if child.pid() is None:
                    raise SystemExit(f"le processus {child.name} ne démarre pas : {child.last_words()}")
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"l'adresse {self._url} ne répond pas après {READY_SECONDS:.0f} s ; voir {self._layout.logs}"
                )
            stopping.wait(POLL_SECONDS)

    def _answers(self) -> bool:
        return _answers(self._port, "/superviseur/sante") and _answers(self._prepared.vendor_port, "/connexion")

    def _service(self, action: str) -> None:
        """Run a command of the portal's service. What fails is said, and seen at the address: the rest goes on."""
        command = self._layout.service_command(action, self._prepared.portal_port)
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        if done.returncode != 0:
            print(f"[démo] {done.stderr.strip()}", flush=True)

    def _stop(self) -> None:
        # The worker first: an update past its cancellable phases is finished, for which it needs the others.
        for child in reversed(self._children):
            print(f"[démo] arrêt du processus {child.name}…", flush=True)
            if child.name == "worker" and self._must_finish():
                print("[démo] une mise à jour est en cours : attente de sa fin…", flush=True)
            child.stop(UPDATE_SECONDS if child.name == "worker" else STOP_SECONDS)
        self._service("stop")
        if self._children:
            self._tell()

    def _must_finish(self) -> bool:
        """Whether the worker is at an update that it finishes before it ends."""
        config = load_config(self._layout.config)
        reader = EngineReader(sqlite_url(config.paths.engine_db))
        try:
            return config.maintenance.flag.exists() and reader.running_update() is not None
        finally:
            reader.close()

    def _tell(self) -> None:
        """Write `demo.json` where it would differ from what it says."""
        pids: dict[str, int | None] = {child.name: child.pid() for child in self._children}
        document: dict[str, object] = {
            "url": self._url,
            "supervisor_url": self._supervisor_url,
            "vendor_url": self._vendor_url,
            "admin": {"username": ADMINISTRATOR, "password": self._prepared.passwords[ADMINISTRATOR]},
            "user": {"username": USER, "password": self._prepared.passwords[USER]},
            "customer": {"username": CUSTOMER, "password": self._prepared.passwords[CUSTOMER]},
            "config": str(self._layout.config),
            "pids": {**pids, "platform": self._portal.pid()},
            "archives": {name: str(self._layout.root / path) for name, path in self._prepared.archives.items()},
        }
        if document != self._document:
            text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            write_atomically(self._layout.document, text.encode("utf-8"), mode=0o600)
            self._document = document

    def _words(self) -> str:
        archives = "\n".join(
            f"  {name:18} {self._layout.root / path}" for name, path in self._prepared.archives.items()
        )
        passwords = self._prepared.passwords
        accounts = "\n".join(f"  {name:18} {passwords[name]}" for name in (ADMINISTRATOR, USER))
        supervisor = _command("ospi-supervisor", "--config", self._layout.config)
        unlock_code = _command("ospi-release", "unlock-code", "--key", self._layout.support_key, "DEMANDE")
        return f"""
La démonstration est prête :  {self._url}/
La roue crantée mène au Superviseur :  {self._supervisor_url}/

Comptes du Superviseur (« {ADMINISTRATOR} » est administrateur, « {USER} » ne l'est pas) :
{accounts}

Archives à importer, dans cet ordre : « failing_rehearsal » échoue en répétition, et les utilisateurs n'en voient rien ;
« failing_migration » échoue pour de bon et se défait ; « good » installe la version 11.6.0. Les autres sont refusées :
{archives}

Espace utilisateur de l'éditeur (« {CUSTOMER} », {passwords[CUSTOMER]}) :  {self._vendor_url}
La version 11.6.0 y est publiée ; ces commandes l'installent sans import, comme le ferait la nuit :
  {supervisor} auto set update.auto.disable OUI
  {supervisor} auto run

Ligne de commande :
  {supervisor} status
Après un échec, la demande de déblocage de la version, puis le code que donnerait le support :
  {supervisor} unlock --challenge
  {unlock_code}

Seuils des prérequis abaissés pour la démonstration. Ctrl-C arrête tout ; « make demo-reset » oublie tout."""


def start(root: Path, port: int, *, own_host: bool = False) -> None:
    """Run the demonstration of the folder `root` in the foreground, until a signal; SystemExit says what is wrong."""
    layout = Layout(root.resolve(), own_host)
    layout.root.mkdir(parents=True, exist_ok=True)
    with _alone(layout), _signals() as stopping:
        _check_free(port)
        prepared = _with_free_ports(layout, port, prepare(layout, port))
        if not stopping.is_set():
            Demo(layout, port, prepared).run(stopping)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the folder; SystemExit where a demonstration already runs in it."""
    with layout.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"une démonstration tourne déjà dans {layout.root} ; arrêtez-la d'abord (Ctrl-C)"
            ) from None
        yield


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM or the end of the terminal sets."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stopping
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _command(program: str, *arguments: str | Path) -> str:
    """A command of this installation, as one types it."""
    return shlex.join([str(Path(sys.executable).with_name(program)), *map(str, arguments)])


def _check_free(port: int) -> None:
    """SystemExit where another program listens on `port`."""
    if not _is_free(port):
        raise SystemExit(
            f"le port {port} de {HOST} est déjà pris ; libérez-le, ou choisissez-en un autre :"
            " OSPI_DEMO_PORT=8090 make demo"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _answers(port: int, path: str) -> bool:
    """Whether the server at `port` serves that page."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _with_free_ports(layout: Layout, port: int, prepared: Prepared) -> Prepared:
    """The same, with another port for the portal or the vendor where somebody else took it since the last time."""
    portal_runs = PortalService(layout.platform, layout.data, layout.run, 0).pid() is not None
    before = prepared
    if not portal_runs and not _is_free(prepared.portal_port):
        prepared = replace(prepared, portal_port=free_port())
    if not _is_free(prepared.vendor_port):
        prepared = replace(prepared, vendor_port=free_port())
    if prepared != before:
        save(layout, prepared)
        write_config(layout, port, prepared)
    return prepared


def reset(root: Path) -> None:
    """Forget the demonstration of the folder `root`; SystemExit while it runs."""
    layout = Layout(root.resolve())
    if not layout.root.is_dir():
        return
    with _alone(layout):
        PortalService(layout.platform, layout.data, layout.run, 0).stop()
        forget(layout)
    layout.lock.unlink()
