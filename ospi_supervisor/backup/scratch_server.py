"""A PostgreSQL server for as long as a trial lasts, where the database's own has no room for one.

It is made by this machine's own programs of the same version, on the disk of the backups, listens on the loopback
address behind a password that nobody is told, and keeps nothing.
"""

import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ospi_supervisor.backup.children import child, run
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.errors import BackupError
from ospi_supervisor.system.files import remove_tree

PLACES = ("/usr/lib/postgresql/{0}/bin", "/usr/pgsql-{0}/bin")
OF_ANY_VERSION = ("/usr/bin", "/usr/local/pgsql/bin", "/usr/local/bin")
"""Where a distribution that has one version alone puts it, and who builds it."""
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
OWNER = "ospi_essai"
NOBODY = "65534"
START_SECONDS = 60.0
POLL_SECONDS = 0.1
ROLES = """SELECT format('CREATE ROLE %I;', rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'ospi_essai';
"""
SETTINGS = (
    *("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off"),
    *("wal_level=minimal", "max_wal_senders=0", "autovacuum=off", "dynamic_shared_memory_type=mmap"),
)
"""What it shares among its processes lies in its folder: /dev/shm would keep a megabyte of each that was killed."""
INSIDE = 'mount --bind "$0" /mnt && exec setpriv --reuid={0} --regid={0} --clear-groups "$@"'
"""The server runs as an account without rights, which cannot pass through the folders above its own, and in a
namespace of its own for System V's memory, of which the machine has 4,096 pieces: killed, it would leave one."""


@contextmanager
def scratch_server(client: Client, folder: Path, tick: Callable[[], None]) -> Iterator[Client]:
    """A client of a new server in `folder`, which is made, with the roles of `client`'s own; both are gone afterwards.

    BackupError where this machine has no server of that version, or it does not start.
    """
    programs, password = programs_for(client, tick), secrets.token_hex()
    remove_tree(folder)
    place, secret = folder / "serveur", folder / "secret"
    place.mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    try:
        # Ours is out of the server's reach: what is loaded into it may run programs, and put a link in a file's place.
        for path in (secret, place / "secret"):
            path.write_text(password, encoding="ascii")
        if os.geteuid() == 0:
            for path in (place, place / "secret"):
                os.chown(path, int(NOBODY), int(NOBODY))
        inside = "/mnt" if os.geteuid() == 0 else os.fspath(place)
        data = f"--pgdata={inside}/data"
        made = (f"{programs}/initdb", data, "--auth=scram-sha-256", f"--pwfile={inside}/secret", "--no-sync")
        run((*_inside(place), *made, "--username", OWNER, "--encoding=UTF8", "--locale=C"), tick, low_priority=True)
        port = _free_port()
        options = [word for setting in (*SETTINGS, f"port={port}") for word in ("-c", setting)]
        command = (*_inside(place), f"{programs}/postgres", "-D", f"{inside}/data", *options)
        with child(command, low_priority=True) as server:
            scratch = Client(client.name, f"postgresql://{OWNER}@127.0.0.1:{port}/{MAINTENANCE}", secret)
            wait_for_server(scratch, server.process.poll, tick)
            scratch.ask("\n".join(client.ask(ROLES, tick)), tick)
            yield scratch
    finally:
        remove_tree(folder)


def programs_for(client: Client, tick: Callable[[], None]) -> Path:
    """Where this machine has the programs of a server of the same version. BackupError where it has none."""
    (version,) = client.ask("SELECT current_setting('server_version_num')::int / 10000;", tick)
    for place in (Path(place.format(version)) for place in PLACES):
        if (place / "initdb").exists():
            return place
    for place in map(Path, OF_ANY_VERSION):
        if (place / "initdb").exists():
            found = VERSION.search(run((f"{place}/initdb", "--version"), tick))
            if found and found[1] == version:
                return place
    raise BackupError(f"cette machine n'a pas PostgreSQL {version}, qui l'essaierait sur le disque des sauvegardes")


def _inside(folder: Path) -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    return ("unshare", "--mount", "--ipc", "sh", "-c", INSIDE.format(NOBODY), os.fspath(folder))


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def wait_for_server(scratch: Client, ended: Callable[[], int | None], tick: Callable[[], None]) -> None:
    """Return when the server behind `scratch` answers. BackupError where it has `ended`, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and ended() is None:
        with suppress(BackupError):  # not yet
            scratch.ask("SELECT 1;", tick)
            return
        time.sleep(POLL_SECONDS)
    raise BackupError("le serveur PostgreSQL d'essai n'a pas démarré")
