"""Is a lock file complete? Asked of the file and of the metadata of what it names, never of what is newest.

Hash mode takes a package from the index only where a line pins it. A requirement that no line answers (an extra that
the line does not name, a package that only another Python needs) installs on the day of the lock and fails later.
"""

import configparser
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from distribution.wheels import PYTHONS

NEEDS = re.compile(r"^[A-Za-z0-9]")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Pin:
    """One line of a lock file."""

    requirement: Requirement
    version: str
    hashes: int

    @property
    def name(self) -> str:
        """The package's normalised name."""
        return canonicalize_name(self.requirement.name)


Metadata = Callable[[Pin], list[Requirement]]
"""What a pinned package requires, extras with their markers."""


def read_lock(path: Path) -> dict[str, Pin]:
    """The file's lines by package. Raises ValueError for a line that does not pin one version."""
    pins: dict[str, Pin] = {}
    for line in _logical_lines(path):
        requirement = Requirement(line.partition(" --hash=")[0])
        version = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
        if version is None:
            raise ValueError(f"{path.name}: {requirement} is not pinned to one version")
        pin = Pin(requirement, version[1], len(HASH.findall(line)))
        pins[pin.name] = pin
    return pins


def _logical_lines(path: Path) -> Iterator[str]:
    text = re.sub(r"\s*\\\n\s*", " ", path.read_text(encoding="utf-8"))
    return (line.strip() for line in text.splitlines() if NEEDS.match(line))


def read_needs(path: Path) -> list[Requirement]:
    """What a person asked for: the requirements of setup.cfg, or those of a `.in` file."""
    if path.suffix == ".cfg":
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(path.read_text(encoding="utf-8"))
        lines = parser["options"]["install_requires"].split("\n")
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if NEEDS.match(line)]


def installed(pin: Pin) -> list[Requirement]:
    """The metadata of the package as it is installed here. Raises LookupError where it is not there."""
    try:
        found = metadata.distribution(pin.name)
    except metadata.PackageNotFoundError:
        raise LookupError(f"{pin.requirement} is not installed here: its own requirements are unknown") from None
    if found.version != pin.version:
        raise LookupError(f"{pin.name} {found.version} is installed here where {pin.version} is locked")
    return [Requirement(line) for line in found.requires or []]


@dataclass
class _Walk:
    """One Python's way from what was asked for to all that it brings."""

    pins: dict[str, Pin]
    requires: Metadata
    environment: dict[str, str]
    seen: set[tuple[str, str]] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def follow(self, needs: Iterable[Requirement], whose: str, extra: str = "") -> None:
        """Hold each need that counts here against its line, then the needs of that line's package."""
        for need in needs:
            if need.marker is None or need.marker.evaluate({**self.environment, "extra": extra}):
                self._hold(need, whose)

    def _hold(self, need: Requirement, whose: str) -> None:
        pin = self.pins.get(canonicalize_name(need.name))
        if pin is None or not _applies(pin, self.environment):
            self.faults.append(f"{need.name}, which {whose} needs, has no line")
            return
        if not need.specifier.contains(pin.version, prereleases=True):
            self.faults.append(f"{whose} needs {need}, and {pin.version} is locked")
        for extra in sorted(need.extras - pin.requirement.extras):
            self.faults.append(f"{whose} needs {pin.name}[{extra}], and its line does not name the extra")
        for extra in ("", *sorted(need.extras)):
            if (pin.name, extra) not in self.seen:
                self.seen.add((pin.name, extra))
                self.follow(self.requires(pin), pin.name, extra)


def _applies(pin: Pin, environment: dict[str, str]) -> bool:
    return pin.requirement.marker is None or pin.requirement.marker.evaluate(environment)


def environment_of(python: str) -> dict[str, str]:
    """The markers of a promised Python, on Linux x86_64."""
    here = {name: str(value) for name, value in default_environment().items()}
    return {
        **here,
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


def faults_of(pins: dict[str, Pin], needs: list[Requirement], requires: Metadata = installed) -> list[str]:
    """What is wrong with a lock, for each promised Python; nothing where it is complete and holds nothing else."""
    faults = [f"{pin.name} has no hash" for pin in pins.values() if not pin.hashes]
    reached: set[str] = set()
    for python in PYTHONS:
        walk = _Walk(pins, requires, environment_of(python))
        walk.follow(needs, "the project")
        faults += [f"Python {python}: {fault}" for fault in walk.faults]
        reached |= {name for name, _ in walk.seen}
    return faults + [f"{name} has a line that nothing needs" for name in sorted(pins.keys() - reached)]
