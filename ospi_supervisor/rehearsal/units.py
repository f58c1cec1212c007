"""What systemd would start for a unit: its programs, account, environment and folder, for a twin that has no systemd.

systemd is asked by D-Bus (org.freedesktop.systemd1(5)), and knows a unit's drop-ins; busctl(1) writes the answer in the
same form on every systemd since 219. What is read at each start, its environment files, is read in the twin.
"""

import grp
import os
import pwd
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ospi_supervisor.config.tables import ServiceTable
from ospi_supervisor.errors import BackupError, NotRehearsedError
from ospi_supervisor.hands.accounts import Account, account_named
from ospi_supervisor.platform.drivers import full_name
from ospi_supervisor.rehearsal.databases import Program

PROPERTIES = (
    "Type",
    "RemainAfterExit",
    "ExecStartPre",
    "ExecStart",
    "User",
    "Group",
    "SupplementaryGroups",
    "Environment",
    "EnvironmentFiles",
    "WorkingDirectory",
    "RootDirectory",
)
BUS, ROOT, SERVICE = "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit", "org.freedesktop.systemd1.Service"
ANSWER_SECONDS = 20
ONESHOT, FORKING = "oneshot", "forking"
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_TYPES = re.compile(r"a?[a-z]")
_SEPARATOR = re.compile(r"[\s:=;<>|&'\"]+")
_SPECIFIER = re.compile(r"%[a-zA-Z]")
"""What systemd replaces in a command; older ones (219) as late as they start it."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit that the twin can start. Each of `first` runs to its end; so does the last program where it `ends`: its
    daemon, if any, is its child's."""

    name: str
    first: Sequence[Program]
    last: Program
    ends: bool
    settings: Sequence[tuple[str, bool]] = ()
    """Its environment files, and whether each may be missing."""

    def words(self) -> Iterator[str]:
        """All that may name a file that it needs, in a shell's one word and in `--option=value` too."""
        for program in (*self.first, self.last):
            files = (pattern for pattern, _ in self.settings)
            for word in (program.cwd, *program.command, *program.env.values(), *files):
                yield word
                yield from _SEPARATOR.split(word)


def unit_of(table: ServiceTable) -> Unit | None:
    """The unit of a service; None for a job, which a timer starts. NotRehearsedError where no twin can start it."""
    name = full_name(table.systemd or "")
    if os.geteuid() != 0:
        raise NotRehearsedError(f"unité systemd, dont seul root peut prendre le compte : {name}")
    try:
        return _read(name, _properties(name))
    except (OSError, ValueError, KeyError, StopIteration, subprocess.SubprocessError, BackupError) as error:
        raise NotRehearsedError(f"unité systemd {name} : ce qu'elle démarre n'est pas connu ({error})") from error


def _properties(name: str) -> Mapping[str, Any]:
    command = ["busctl", "--system", "get-property", BUS, f"{ROOT}/{_label(name)}", SERVICE, *PROPERTIES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"busctl : {done.returncode}")
    return dict(zip(PROPERTIES, map(_value, done.stdout.splitlines()), strict=True))


def _label(name: str) -> str:
    """A unit's name as a D-Bus path has it: all but letters and digits by their code, a digit at the start too."""
    return "".join(
        letter if letter.isascii() and letter.isalnum() and not (letter.isdigit() and place == 0) else f"_{code:02x}"
        for place, (letter, code) in enumerate((chr(code), code) for code in name.encode())
    )


def _value(line: str) -> Any:
    signature, _, rest = line.partition(" ")
    words = (_unescaped(quoted) if bare == "" else bare for quoted, bare in _WORD.findall(rest))
    return _taken(signature, words)


def _taken(signature: str, words: Iterator[str]) -> Any:
    if signature.startswith("a"):
        return [_taken(signature[1:], words) for _ in range(int(next(words)))]
    if signature.startswith("("):
        return [_taken(part, words) for part in _TYPES.findall(signature[1:-1])]
    return next(words)


def _unescaped(text: str) -> str:
    return os.fsdecode(text.encode().decode("unicode_escape").encode("latin-1"))


def _read(name: str, facts: Mapping[str, Any]) -> Unit | None:
    kind, commands = facts["Type"], facts["ExecStart"]
    if kind == ONESHOT and facts["RemainAfterExit"] != "true":
        return None
    if kind == "dbus" or facts["RootDirectory"] or len(commands) != 1:
        what = "D-Bus" if kind == "dbus" else "une racine à elle" if facts["RootDirectory"] else "plusieurs programmes"
        raise NotRehearsedError(f"unité systemd {name}, qui demande {what} : le double ne l'a pas")
    common = Program(command=(), account=_account(facts), env=_environment(facts), cwd=_folder(facts))
    programs = [_program(common, command) for command in (*facts["ExecStartPre"], *commands)]
    if any(_SPECIFIER.search(word) for program in programs for word in program.command):
        raise NotRehearsedError(f"unité systemd {name} : un « % » y est, dont on ne sait pas s'il reste à remplacer")
    files = [(pattern, may_be_missing == "true") for pattern, may_be_missing in facts["EnvironmentFiles"]]
    ends = kind in (ONESHOT, FORKING)
    return Unit(name=name, first=programs[:-1], last=programs[-1], ends=ends, settings=files)


def _program(common: Program, command: Sequence[Any]) -> Program:
    path, arguments, may_fail, *_ = command
    return replace(common, command=(path, *arguments[1:]), may_fail=may_fail == "true")


def _account(facts: Mapping[str, Any]) -> Account:
    user = facts["User"] or "root"
    account = account_named(pwd.getpwuid(int(user)).pw_name if user.isdigit() else user)
    groups = [_group(facts["Group"])] if facts["Group"] else []
    more = [_group(name) for name in facts["SupplementaryGroups"]]
    return Account(account.user, tuple(dict.fromkeys((*groups, *account.groups, *more))))


def _group(name: str) -> int:
    return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid


def _folder(facts: Mapping[str, Any]) -> str:
    """`WorkingDirectory`, without the sign that says that it may be missing; `~` is the account's own."""
    folder: str = facts["WorkingDirectory"].lstrip("!-") or "/"
    return pwd.getpwuid(_account(facts).user).pw_dir if folder == "~" else folder


def _environment(facts: Mapping[str, Any]) -> dict[str, str]:
    env = dict(setting.split("=", 1) for setting in facts["Environment"])
    if facts["User"]:
        entry = pwd.getpwuid(_account(facts).user)
        env = {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name, "SHELL": entry.pw_shell} | env
    return env
