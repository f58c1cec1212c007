"""The folder of a twin, and the plan by which `inside/enter.py` makes the twin of it."""

import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.sqlite import COMPANIONS, NEW
from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.hands.descent import make_folder
from ospi_supervisor.hands.folder import folder_hand
from ospi_supervisor.hands.sandbox import PROGRAMS, parents_view, program_view, program_with_libraries, system_view
from ospi_supervisor.rehearsal.twin import AGENT, Plan
from ospi_supervisor.rehearsal.view import Named

OPEN = 0o1777
CPUS = "/sys/devices/system/cpu"
VAR = ("lib", "log", "cache", "spool", "opt")
AS_ROOT = ("SETUID", "SETGID", "KILL", "NET_ADMIN", "NET_BIND_SERVICE")
"""What the first program needs to become the platform's account, and its databases'."""
FOR_ROOT = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""And what the platform's programs have where they run as root."""
_APART = ("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net")


@dataclass
class Ground:
    """What is laid out in the twin's `folder`. `data` lies below `root`, by its path from there."""

    folder: Path
    named: Named
    data: Sequence[Path]
    shown: dict[Path, Path] = field(default_factory=dict)
    """Folders of ours, by the path where the twin has them, writable."""
    _layers: dict[Path, Path] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """What the data are laid out below."""
        return self.folder / "racine"

    def make(self) -> None:
        """The folders that every twin has of its own."""
        for name in ("racine", "couches", "vide", "run", "var", "tmp", "shm"):
            (self.folder / name).mkdir(mode=0o755)
        for folder in ("tmp", "shm", "run/lock", "var/tmp"):
            (self.folder / folder).mkdir(exist_ok=True)
            (self.folder / folder).chmod(OPEN)
        for name in VAR:
            (self.folder / "var" / name).mkdir()
        (self.folder / "var/run").symlink_to("/run")
        (self.folder / "var/lock").symlink_to("/run/lock")
        for place in self.named.empty:
            _like(place, self.folder / "run" / place.relative_to("/run"))
        for place in self.named.layers:
            self._layer(place)

    def _layer(self, place: Path) -> Path:
        """The layer over the real folder `place`, as it is but empty."""
        if place not in self._layers:
            layer = self.folder / "couches" / str(len(self._layers))
            for name in ("dessus", "travail", "vue"):
                (layer / name).mkdir(parents=True)
            _like(place, layer / "dessus")
            self._layers[place] = layer
        return self._layers[place]

    def put(self, path: Path, contents: Path, facts: Facts) -> None:
        """Have the file at `path` be `contents`, owned as `facts` say, alone. OSError, BackupError."""
        if any(path.is_relative_to(folder) for folder in self.data):
            within = self.root / path.relative_to("/")
            make_folder(within.parent)
        else:
            within = self._layer(path.parent) / "dessus" / path.name
        with contents.open("rb") as source, folder_hand(within.parent, lent=source.fileno()) as hand:
            hand.replace_database(within, Path(f"{within}{NEW}"), [], facts, contents, lambda: None)

    def point(self, link: Path, target: str) -> None:
        """Have `link`, in a named folder, lead to `target`."""
        place = next(place for place in self.named.layers if link.is_relative_to(place))
        above = self._layers[place] / "dessus"
        for name in link.relative_to(place).parts[:-1]:
            place, above = place / name, above / name
            _like(place, above)
        (above / link.name).symlink_to(target)

    def name_hosts(self, names: Mapping[str, str]) -> None:
        """Have these host names lead to these addresses."""
        rows = ["127.0.0.1 localhost", "::1 localhost", f"127.0.0.1 {os.uname().nodename}"]
        rows += [f"{address} {name}" for name, address in names.items() if name != "localhost"]
        (self.folder / "hosts").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def plan(self, covered: Iterable[Path]) -> Plan:
        """The plan. `covered` are folders of which the twin sees nothing."""
        command = self._command(covered)
        binds = [number for number, word in enumerate(command) if word in ("--bind", "--ro-bind")]
        return {
            "is_root": os.geteuid() == 0,
            "sources": ["/proc", "/dev", *map(str, self._layers), *(command[number + 1] for number in binds)],
            "layers": [
                {
                    "lower": str(place),
                    **{key: os.path.relpath(layer / name, self.folder) for key, name in _PARTS.items()},
                    "hide": sorted(_sockets_below(place) | self._companions(place)),
                }
                for place, layer in self._layers.items()
            ],
            "command": command,
        }

    def _companions(self, place: Path) -> set[str]:
        """What lies beside a database that was put there, and belongs to the real one."""
        put = self._layers[place] / "dessus"
        return {f"{file.name}{suffix}" for file in put.iterdir() if file.is_file() for suffix in COMPANIONS}

    def _command(self, covered: Iterable[Path]) -> list[str]:
        own = self.folder
        places = {place: ("--bind", str(layer / "vue")) for place, layer in self._layers.items()}
        places |= {place: ("--bind", str(self.root / place.relative_to("/"))) for place in self.data}
        places |= {place: ("--ro-bind", str(place)) for place in self.named.files}
        places |= {place: ("--bind", str(folder)) for place, folder in self.shown.items()}
        places |= {place: ("--ro-bind", str(own / "vide")) for place in covered if self._has(place)}
        places |= {Path("/etc/hosts"): ("--ro-bind", str(own / "hosts"))}
        words = [_bubblewrap(), *_APART, *_identity(), *system_view(), "--proc", "/proc", "--dev", "/dev"]
        words += ["--ro-bind", "/proc/sys", "/proc/sys"]  # which belongs to root, whatever its rights
        for name, at in (("run", "/run"), ("var", "/var"), ("tmp", "/tmp"), ("shm", "/dev/shm")):  # noqa: S108
            words += ["--bind", str(own / name), at]
        if Path(CPUS).is_dir():
            words += ["--ro-bind", CPUS, CPUS]
        for place in sorted(places, key=lambda place: (len(place.parts), place)):
            words += [*parents_view(place), *places[place], str(place)]
        for link, target in self.named.links.items():
            if not (self._has(link.parent) or self.named.sees(link.parent)):
                words += ["--symlink", str(target), str(link)]
        return [*words, *program_view(libraries=True), "--chdir", "/", "--", *program_with_libraries(AGENT)]

    def _has(self, place: Path) -> bool:
        return any(place.is_relative_to(known) for known in (*self._layers, *self.data))


_PARTS = {"upper": "dessus", "work": "travail", "at": "vue"}


def _bubblewrap() -> str:
    found = shutil.which("bwrap", path=PROGRAMS)
    if found is None:
        raise NotRehearsedError("bubblewrap n'est pas installé sur ce serveur ; installez-le")
    return found


def _identity() -> list[str]:
    """As root, with what little of its rights a twin needs; else as ourselves, in a user namespace."""
    if os.geteuid() != 0:
        return ["--unshare-user", "--uid", str(os.getuid()), "--gid", str(os.getgid()), "--cap-add", "CAP_NET_ADMIN"]
    return ["--cap-drop", "ALL", *(word for name in (*AS_ROOT, *FOR_ROOT) for word in ("--cap-add", f"CAP_{name}"))]


def _like(real: Path, ours: Path) -> None:
    """Give our new folder the owner and mode of the real one."""
    ours.mkdir(parents=True, exist_ok=True)
    facts = real.stat()
    if os.geteuid() == 0:
        os.chown(ours, facts.st_uid, facts.st_gid)
    ours.chmod(stat.S_IMODE(facts.st_mode))


def _sockets_below(place: Path) -> set[str]:
    """The sockets of the machine's that lie below `place`, from there: old kernels reach them through a layer."""
    rows = Path("/proc/net/unix").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    paths = {Path(fields[7]) for row in rows if len(fields := row.split(maxsplit=7)) > 7 and fields[7].startswith("/")}
    return {str(path.relative_to(place)) for path in paths if path.is_relative_to(place)}
