"""A real server on which things are done wrong, one after the other, and undone: what `check` says of it meanwhile."""

import json
import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec

from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.topics import WORKER
from tests.support.demo import wait_for
from tests.support.deployment import RUN, Accounts, Deployment
from tests.support.system import listens

UNITS_ELSEWHERE = (
    "from pathlib import Path; import ospi_supervisor.administration.checks.server as server;"
    " server.UNITS_DIR = Path({units!r}); "
)
OLD = "0.1.9"
OF_ANOTHER_VERSION = f"import ospi_supervisor; ospi_supervisor.__version__ = {OLD!r}; "


Arguments = ParamSpec("Arguments")


def undone(does: Callable[Arguments, Iterator[None]]) -> Callable[Arguments, AbstractContextManager[None]]:
    """A block for which something is done wrong; what follows the `yield` undoes it, however the block ends."""

    @wraps(does)
    @contextmanager
    def block(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Iterator[None]:
        steps = does(*args, **kwargs)
        next(steps)
        try:
            yield
        finally:
            with suppress(StopIteration):
                next(steps)

    return block


@dataclass(frozen=True)
class Checked:
    """What one run of `check` said."""

    status: int
    findings: Sequence[dict[str, str]]

    def of(self, check: str, level: str) -> str:
        """The messages of that check and level."""
        return "\n".join(item["message"] for item in self.findings if (item["check"], item["level"]) == (check, level))


class CheckedServer(Deployment):
    """A server prepared by the guide; systemd's folder is one of the test's own."""

    before: tuple[str, ...] = ()
    """What `check` is started by."""

    def __init__(self, folder: Path, accounts: Accounts, python: Path) -> None:
        super().__init__(folder, "nginx", accounts, python)
        self.units = folder / "units"
        self.units.mkdir()
        self.accounts = accounts

    @property
    def paths(self) -> StatePaths:
        """Where its state lies."""
        return StatePaths(self.layout.state)

    @property
    def config(self) -> Config:
        """What its configuration says."""
        return load_config(self.layout.config)

    def check(self, *arguments: str) -> Checked:
        """Run `check`, under `before`."""
        code = UNITS_ELSEWHERE.format(units=str(self.units)) + RUN
        program = [*self.before, str(self._python), "-P", "-c", code, "--config", str(self.layout.config)]
        done = self.run([*program, "check", "--json", *arguments])
        return Checked(done.returncode, json.loads(done.stdout))

    # --- what is done wrong, for as long as the block lasts ----------------------------------------------------

    @undone
    def mode(self, path: Path, mode: int) -> Iterator[None]:
        """That mode instead of its own."""
        before = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode)
        yield
        path.chmod(before)

    @undone
    def owner(self, path: Path, account: str) -> Iterator[None]:
        """That owner instead of its own."""
        before = path.stat()
        shutil.chown(path, account)
        path.chmod(stat.S_IMODE(before.st_mode))
        yield
        os.chown(path, before.st_uid, before.st_gid)
        path.chmod(stat.S_IMODE(before.st_mode))

    @undone
    def contents(self, path: Path, text: str | bytes | None) -> Iterator[None]:
        """Those contents instead of its own; None for no file at all."""
        before = path.read_bytes()
        if text is None:
            aside = path.rename(path.with_name(f"{path.name}.absent"))
            yield
            aside.rename(path)
            return
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        yield
        path.write_bytes(before)

    @undone
    def aside(self, path: Path) -> Iterator[None]:
        """Without that folder."""
        away = path.rename(path.with_name(f"{path.name}.absent"))
        yield
        away.rename(path)

    @undone
    def configured(self, table: str, line: str, instead_of: str = "") -> Iterator[None]:
        """With one more line in that table of the configuration, `instead_of` a key's."""
        text = self.layout.config.read_text(encoding="utf-8")
        kept = [one for one in text.splitlines() if not instead_of or not one.startswith(f"{instead_of} =")]
        if f"[{table}]" not in kept:
            kept += [f"[{table}]"]
        kept.insert(kept.index(f"[{table}]") + 1, line)
        self.layout.config.write_text("\n".join(kept) + "\n", encoding="utf-8")
        yield
        self.layout.config.write_text(text, encoding="utf-8")

    @undone
    def without(self, name: str) -> Iterator[None]:
        """Without that process, killed."""
        self.end(name, signal.SIGTERM if name == "proxy" else signal.SIGKILL)
        yield
        self._spawn_and_wait(name)

    @undone
    def older(self, name: str) -> Iterator[None]:
        """That process, of a version before the one that is installed."""
        command = self._commands[name]
        self.end(name, signal.SIGTERM)
        self._commands[name] = [OF_ANOTHER_VERSION + word if word == RUN else word for word in command]
        self._spawn_and_wait(name)
        self._commands[name] = command
        yield
        self.end(name, signal.SIGTERM)
        self._spawn_and_wait(name)

    @undone
    def platform_stopped(self) -> Iterator[None]:
        """Without the portal."""
        self._service("stop")
        yield
        self._service("start")
        wait_for("the portal", partial(listens, self._prepared.portal_port))

    @undone
    def program_instead(self, program: str, script: str) -> Iterator[None]:
        """With another program in that one's place, for `check` alone (a mount of its own)."""
        stand_in = self.layout.root / f"{Path(program).name}-ancien"
        stand_in.write_text(f"#!/bin/sh\n{script}\n")
        stand_in.chmod(0o755)
        before = self.before
        bind = f'mount --bind {stand_in} {program} && exec "$@"'
        self.before = ("unshare", "--mount", "sh", "-c", bind, "sh", *before)
        yield
        self.before = before

    @undone
    def started_by(self, *command: str) -> Iterator[None]:
        """With `check` started by that."""
        before = self.before
        self.before = (*command, *before)
        yield
        self.before = before

    def _spawn_and_wait(self, name: str) -> None:
        """Start that process; it is at work when this returns."""
        self.spawn(name)
        ports = {"proxy": self.port, "web": self._web_port}
        if name in ports:
            wait_for(name, partial(listens, ports[name]))
        else:
            wait_for("the worker's word", lambda: self._announced() == self._processes[name].pid)

    def _announced(self) -> int | None:
        """The worker that said last that it works."""
        reader = EngineReader(sqlite_url(self.paths.engine_db))
        try:
            told = reader.published(WORKER)
        finally:
            reader.close()
        return told[1].pid if told else None
