"""A twin of the whole platform: a snapshot's data and databases, and one of its releases in service."""

import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from ospi_supervisor.backup.contents import Contents
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.hands.descent import make_folder
from ospi_supervisor.rehearsal.databases import DatabaseTwin, Needs, Tick
from ospi_supervisor.rehearsal.engines import make_twins
from ospi_supervisor.rehearsal.limits import WITHOUT_GROUP, Watch, group
from ospi_supervisor.rehearsal.place import place
from ospi_supervisor.rehearsal.plan import Ground
from ospi_supervisor.rehearsal.twin import Listener, Twin, standing
from ospi_supervisor.rehearsal.view import Named, named

HALF = 2


@dataclass(frozen=True)
class Whole:
    """A twin that stands, with what it was made of. `rows` are those of each table, by database."""

    twin: Twin
    named: Named
    data: Sequence[Path]
    weight: int
    watch: Watch
    limits: Sequence[str]
    rows: Mapping[str, Mapping[str, int]]

    def sees(self, path: Path) -> bool:
        """Whether a path of the real machine is the twin's too."""
        return self.named.sees(path) or any(path.is_relative_to(folder) for folder in self.data)


@contextmanager
def whole_twin(
    config: Config,
    releases: Releases,
    contents: Contents,
    version: str,
    listener: Listener,
    interpreters: Iterable[str] = (),
) -> Iterator[Whole]:
    """A twin of the configured platform with the data of `contents` and `version` in service, while the block runs.

    It sees the `interpreters` that the release's programs ask for. NotRehearsedError, BackupError, OSError: none can be
    made here, or what `listener` raises.
    """
    platform = config.platform
    data = [Path(folder) for folder in contents.last.data_dirs]
    databases = _databases(config, contents)
    weight = contents.last.data_bytes + sum(database.weight() for database in databases)
    most = int(config.rehearsal.memory * 10**9) or psutil.virtual_memory().total // HALF
    with place(config, weight) as folder, group(most) as made:
        watch = Watch(folder, most, config.rehearsal.time_limit, made)

        def tick() -> None:
            watch.look()
            listener.check()

        ground = Ground(folder, named(config, data, interpreters), data)
        _lay_out(ground, contents, releases, version, tick)
        needs = [_prepared(database, contents, ground, tick) for database in databases]
        names, addresses = _reachable(platform.health_url)
        ground.name_hosts({**names, **{name: at for need in needs for name, at in need.names.items()}})
        plan = ground.plan((config.supervisor.state_dir, config.backup.directory, *_quarantines(data)))
        with standing(folder, plan, watch, made, listener) as twin:
            env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            loopback = {*addresses, *(address for need in needs for address in need.addresses)}
            twin.play("begin", env=env, addresses=sorted(loopback - {"127.0.0.1"}))
            rows = {database.name: database.start(twin, twin.tick) for database in databases}
            limits = [] if made else [WITHOUT_GROUP]
            yield Whole(twin, ground.named, data, weight, watch, limits, rows)


def _lay_out(ground: Ground, contents: Contents, releases: Releases, version: str, tick: Tick) -> None:
    """The snapshot's folders, and `version` in the place of the release in service."""
    ground.make()
    ground.point(Path(os.path.realpath(releases.link.parent)) / releases.link.name, f"releases/{version}")
    contents.lay_out(ground.root, tick)
    for top in ground.data:
        make_folder(ground.root / top.relative_to("/"))


def _databases(config: Config, contents: Contents) -> list[DatabaseTwin]:
    found = make_twins(config.platform.databases, config.platform.account)
    if missing := {twin.name for twin in found} - contents.last.databases.keys():
        raise NotRehearsedError(f"base « {min(missing)} » : elle n'est pas dans la sauvegarde")
    return found


def _prepared(database: DatabaseTwin, contents: Contents, ground: Ground, tick: Tick) -> Needs:
    dump = contents.last.databases[database.name]
    own = ground.folder / f"base-{database.name}"
    own.mkdir(mode=0o700)
    needs = database.prepare(contents.folders[-1] / dump.path, dump.facts, own, tick)
    for path, (file, facts) in needs.files.items():
        ground.put(path, file, facts)
    ground.shown |= needs.folders
    return needs


def _quarantines(data: Sequence[Path]) -> list[Path]:
    return [found for top in data for found in top.parent.glob(".ospi-quarantaine-*")]


def _reachable(url: str) -> tuple[dict[str, str], set[str]]:
    """The names and addresses that the twin must have for `url` to lead to its own loopback. NotRehearsedError."""
    host = urlsplit(url).hostname or ""
    try:
        address = str(ip_address(host))
    except ValueError:
        try:
            address = socket.gethostbyname(host)
        except OSError as error:
            raise NotRehearsedError(f"le nom {host} est inconnu ({error})") from error
        return {host: address}, {address}
    return {}, {address} if "." in address else set()
