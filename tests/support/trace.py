"""What a program of root's opens, by strace: its hands aside, which see nothing else or have become another account."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

FORKS = ("clone", "clone3", "fork", "vfork")
CALLS = "open,openat,openat2,creat,clone,clone3,fork,vfork,execve,setuid,setreuid,setresuid"

_LINE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
_CHILD = re.compile(r"= (?P<inner>\d+)(?: /\* (?P<outer>\d+) in strace's PID NS \*/)?$")
_OPENED = re.compile(r'^(?:(?P<at>AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?"(?P<path>(?:[^"\\]|\\.)*)"(?P<flags>[^)]*)')


def strace(output: Path) -> list[str]:
    """What to put in front of a command so that what it and its children open is written to `output`.

    The process that is started is the command itself, with strace beside it.
    """
    return [
        "strace",
        *("-D", "-f", "-A", "-y", "--seccomp-bpf", "--decode-pids=pidns", "--strings-in-hex=non-ascii-chars"),
        *("-s", "4096", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(output)),
    ]


def end_tracers(folder: Path) -> None:
    """Kill each strace that writes below `folder`: one that was left stopped would keep the disk there for ever."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "strace" and str(folder) in " ".join(process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                process.kill()


@dataclass(frozen=True)
class Call:
    """One system call of a process', as strace writes it."""

    pid: int
    name: str
    rest: str


@dataclass(frozen=True)
class Opened:
    """One path that a process of root's opened."""

    path: str
    call: Call


def opened_by_root(trace: Path) -> list[Opened]:
    """Everything that processes with root's rights and root's view opened: hands aside, and other accounts' programs.

    A descriptor that reads and writes nothing (O_PATH) is how a hand is given its folder, and is no opening.
    """
    calls = list(_calls(trace))
    hands = _hands(calls)
    others: set[int] = set()
    found = []
    for call in calls:
        if call.name.startswith("set") and re.match(r"(?:-1, )?[1-9]", call.rest):
            others.add(call.pid)
        opened = _OPENED.match(call.rest) if call.name.startswith(("open", "creat")) else None
        if opened and "O_PATH" not in opened["flags"] and call.pid not in hands | others:
            found.append(Opened(_absolute(opened), call))
        if call.name in FORKS and call.pid in others and (child := _child(call)):
            others.add(child)
    return found


def _calls(trace: Path) -> Iterator[Call]:
    """The calls, each whole: where strace writes one in two parts, at the second."""
    begun: dict[str, str] = {}
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        if resumed := _RESUMED.match(line):
            yield Call(int(resumed["pid"]), resumed["call"], begun.pop(resumed["pid"], "") + resumed["rest"])
        elif whole := _LINE.match(line):
            if whole["rest"].endswith("<unfinished ...>"):
                begun[whole["pid"]] = whole["rest"].removesuffix("<unfinished ...>")
            else:
                yield Call(int(whole["pid"]), whole["call"], whole["rest"])


def _hands(calls: list[Call]) -> set[int]:
    """The processes that bubblewrap became, and all that they started."""
    hands = {call.pid for call in calls if call.name == "execve" and call.rest.startswith('"/usr/bin/bwrap"')}
    for call in calls:
        if call.name in FORKS and call.pid in hands and (child := _child(call)):
            hands.add(child)
    return hands


def _child(call: Call) -> int | None:
    found = _CHILD.search(call.rest)
    return int(found["outer"] or found["inner"]) if found else None


def _absolute(opened: re.Match[str]) -> str:
    escaped = re.compile(r"(?:\\x[0-9a-f]{2})+")
    path = escaped.sub(lambda match: bytes.fromhex(match[0].replace("\\x", "")).decode(), opened["path"])
    return path if path.startswith("/") else f"{opened['folder'] or ''}/{path}"
