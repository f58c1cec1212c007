"""One hospital: a platform, its front gate, somebody who keeps writing, the worker and the web."""

import contextlib
import http.client
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from ospi_supervisor.bootstrap.administration import make_administration
from ospi_supervisor.bootstrap.operations import make_operations
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import AT_ONCE, Source, Terms
from ospi_supervisor.errors import RefusedError, StateError
from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.system.files import sync_tree
from tests.faults.decider import Decider
from tests.faults.disks import CuttableDisk, tmpfs
from tests.faults.platform import FIRST_ENTRIES, Platform, Site
from tests.faults.vendor import OLD
from tests.real_application.front import front

REPOSITORY = Path(__file__).resolve().parents[2]
UPDATE_SECONDS = 240.0
"""On a machine that has much else to do."""

STATUS = """SELECT answer.accepted, answer.message, "update".status FROM answer
LEFT JOIN "update" ON "update".id = answer.update_id WHERE answer.request_id = ?"""

RUN = "from ospi_supervisor.cli import main; main()"


@dataclass
class World(Platform):
    """A running hospital; make one with `running`."""

    pauses: Sequence[str] = ()
    acknowledged: set[int] = field(default_factory=lambda: set(range(FIRST_ENTRIES)))
    attempted: int = FIRST_ENTRIES
    asked: list[int] = field(default_factory=list)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    disk: CuttableDisk | None = None
    decider: Decider | None = None

    # --- worker and web ---------------------------------------------------------------------------------------

    def tend(self) -> None:
        """Start the worker and the web process where they do not run, as systemd does; decide, where that is asked."""
        self._tend("worker", self._worker_command())
        if self.site.web:
            self._tend("web", [sys.executable, "-c", RUN, "--config", str(self.config_path), "web"])
        if self.decider is not None and self.config.maintenance.flag.exists():
            with self.operations() as operations, contextlib.suppress(StateError):  # its disk may be full
                self.decider.look(operations)

    def _worker_command(self) -> list[str]:
        return [sys.executable, "-m", "tests.faults.worker", str(self.config_path), str(self.notes), *self.pauses]

    def _tend(self, name: str, command: list[str]) -> None:
        process = self.processes.get(name)
        if process is None or process.poll() is not None:
            with (self.notes / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY)

    def kill(self, *names: str) -> None:
        """SIGKILL, without mercy nor delay between them."""
        for name in names:
            if (process := self.processes.get(name)) is not None:
                process.kill()
        for name in names:
            if (process := self.processes.pop(name, None)) is not None:
                process.wait(30)
        for note in ("paused", "go") if "worker" in names else ():
            (self.notes / note).unlink(missing_ok=True)

    def cut_power(self) -> None:
        """Everything dies at once; where the disk can, it loses what was not synced. Then the machine boots: its
        services start before the worker does, as a boot may order them."""
        if self.disk is not None:
            self.disk.cut()
        self.kill("worker", "web")
        while victims := self.strangers(everybody=True):
            for process in victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(victims, timeout=10)
        self.note_boot()
        if self.disk is not None:
            self.disk.boot()
        self.service("start")

    def note_boot(self) -> None:
        """The machine has another number at each boot."""
        (self.notes / "boot_id").write_text(f"{uuid.uuid4()}\n")

    def stop_processes(self) -> None:
        """The end: SIGTERM to the worker and the web process, then whatever is left of this world."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
        self.processes.clear()
        for stranger in self.strangers(everybody=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                stranger.kill()

    def strangers(self, *, everybody: bool = False) -> list[psutil.Process]:
        """This world's processes but worker, web and, unless `everybody`, the platform's daemon with its psql, and the
        living worker's psql and hands: its housekeeping asks how large databases and folders are."""
        ours = {process.pid for process in self.processes.values()} | {os.getpid()}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.pid not in ours and self._is_of_this_world(process):
                    parent = process.parent()
                    lineage = [*process.cmdline(), *(parent.cmdline() if parent else ())]
                    if everybody or not ("serve" in lineage or self._weighs(process, ours)):
                        found.append(process)
        return found

    def _weighs(self, process: psutil.Process, ours: set[int]) -> bool:
        """Whether it is, or is below, a psql or a hand that one of `ours` started."""
        family = [process, *process.parents()]
        return any(
            parent.pid in ours and any(word in " ".join(child.cmdline()) for word in ("psql", "bwrap"))
            for child, parent in pairwise(family)
        )

    def _is_of_this_world(self, process: psutil.Process) -> bool:
        if process.status() == psutil.STATUS_ZOMBIE or process.name() == "postgres":
            return False
        words = [*process.cmdline(), process.environ().get("OSPI_RELEASE_DIR", ""), f"{process.cwd()}/"]
        return any(f"{self.root}/" in word or self.database in word for word in words)

    # --- updates ----------------------------------------------------------------------------------------------

    @contextmanager
    def operations(self) -> Iterator[Operations]:
        """What the shell asks through; its databases are closed with the block, for the disk may go."""
        operations = make_operations(self.config)
        try:
            yield operations
        finally:
            operations.reader.close()
            operations.web.close()

    def ask(self, archive: Path, source: Source = Source.SHELL, terms: Terms = AT_ONCE) -> int:
        """Ask for an update as `ospi-supervisor import` does; the request's number. RefusedError. Where somebody is
        there to decide, it is to be validated."""
        with self.operations() as operations:
            upload = operations.uploads.adopt_file(archive, "campagne")
            if upload.verdict == "refused":
                raise RefusedError(" ; ".join(upload.reasons), code=upload.code or "refused")
            operations.uploads.acknowledge_notice(upload.id, "campagne")
            terms = replace(terms, validate=terms.validate or self.decider is not None)
            self.asked.append(operations.request_import(upload.id, by="campagne", source=source, terms=terms))
            return self.asked[-1]

    def accepted(self) -> list[int]:
        """Those of the requests that the worker accepted."""
        return [request for request in self.asked if (self.answer(request) or {}).get("accepted")]

    @contextmanager
    def reader(self) -> Iterator[EngineReader]:
        """What the worker recorded."""
        reader = EngineReader(sqlite_url(self.config.paths.engine_db))
        try:
            yield reader
        finally:
            reader.close()

    def answer(self, request: int) -> dict[str, Any] | None:
        """What the worker answered to a request."""
        with self.reader() as reader:
            found = reader.answer(request)
            return None if found is None else dict(found)

    def update(self, update_id: int) -> dict[str, Any] | None:
        """An update's document."""
        with self.reader() as reader:
            found = reader.update(update_id)
            return None if found is None else dict(found)

    def status(self, request: int) -> UpdateStatus | None:
        """The status of the update that a request led to; None where there is none yet, or it cannot be read now.
        RefusedError where the request was refused.

        Asked ten times a second, so without the reader's care, which costs a hundred times more.
        """
        address = f"file:{quote(str(self.config.paths.engine_db))}?mode=ro"
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            for accepted, message, status in database.execute(STATUS, (request,)):
                if not accepted:
                    raise RefusedError(f"the request was refused: {message}")
                return None if status is None else UpdateStatus(status)
        return None

    def is_over(self, request: int) -> bool:
        """Whether the update that a request led to has ended."""
        status = self.status(request)
        return status is not None and status.is_final

    # --- somebody who writes ----------------------------------------------------------------------------------

    def write_on(self, over: threading.Event) -> None:
        """Add entries through the public address, and remember which were acknowledged."""
        while not over.wait(0.06):
            number, self.attempted = self.attempted, self.attempted + 1
            connection = http.client.HTTPConnection("127.0.0.1", self.gate_port, timeout=20)
            try:
                connection.request("POST", f"/entries/{number}", body=b"")
                if connection.getresponse().status == 200:
                    self.acknowledged.add(number)
            except (OSError, http.client.HTTPException):
                continue  # not acknowledged: it may be there or not
            finally:
                connection.close()


@contextmanager
def running(site: Site, pauses: Sequence[str] = ()) -> Iterator[World]:
    """A world that works, adopted, with its worker; all of it gone at the end."""
    world = World(site, pauses)
    with ExitStack() as stack:
        world.notes.mkdir(parents=True)
        world.note_boot()
        stack.callback(shutil.rmtree, world.notes)
        stack.callback(shutil.rmtree, site.root)
        if site.cuttable:
            world.disk = CuttableDisk(world.notes / "disk.img", site.root, 320)
            stack.callback(world.disk.close)
        for name, size in site.disks:
            stack.enter_context(tmpfs(site.root / name, size))
        site.root.mkdir(parents=True, exist_ok=True)
        stack.callback(site.postgres.sql, "postgres", f"DROP DATABASE IF EXISTS {world.database} WITH (FORCE)")
        stack.callback(world.stop_processes)
        _begin(world, stack)
        yield world


def _begin(world: World, stack: ExitStack) -> None:
    world.lay_out()
    config = world.config
    stack.enter_context(
        front(world.gate_port, world.site.first_port, config.maintenance.flag, config.maintenance.page_dir)
    )
    if world.service("start") != 0:
        raise RuntimeError(f"the platform does not start: {(world.root / 'run/log').read_text()}")
    make_administration(config).adopt(OLD)
    sync_tree(world.root)  # a cut is to take what the update did not sync, and nothing of what was there before
    world.tend()
    over = threading.Event()
    writer = threading.Thread(target=world.write_on, args=[over])
    writer.start()
    stack.callback(writer.join)
    stack.callback(over.set)


def wait_until(condition: Any, what: str, seconds: float = UPDATE_SECONDS) -> None:
    """Return once `condition` holds; TimeoutError naming `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
