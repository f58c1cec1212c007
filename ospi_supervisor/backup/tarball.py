"""The data folders' part of a snapshot: GNU tar through zstd, made from our list, and read back."""

import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import IO, BinaryIO

import psutil

from ospi_supervisor.backup import zstdpipe
from ospi_supervisor.backup.children import Child, child
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.reasons import reason, shown
from ospi_supervisor.backup.tarstream import END, Member, sift
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.folder import folder_hand
from ospi_supervisor.hands.sandbox import KEEPING, View, enclosed

ATTRIBUTES = (
    "--acls",
    "--xattrs",
    "--xattrs-include=user.*",
    "--xattrs-include=security.*",
    "--xattrs-include=trusted.*",
    "--numeric-owner",
)
CREATE = (
    "tar",
    "--create",
    "--format=posix",
    "--pax-option=delete=atime,delete=ctime",
    "--sparse",
    *ATTRIBUTES,
    "--quoting-style=escape",
    "--directory=/",
    "--no-recursion",
    "--null",
    "--files-from=-",
    "--file=-",
)
EXTRACT = (
    "tar",
    "--extract",
    "--same-permissions",
    "--same-owner",
    "--delay-directory-restore",
    *ATTRIBUTES,
    "--quoting-style=escape",
    "--directory=/",
    "--file=-",
)

VANISHED = re.compile(r": (Cannot (stat|open): No such file or directory|File removed before we read it)$")
SHRANK = re.compile(r": File shrank by \d+ bytes; padding with zeros$")
MOVING = re.compile(rf": file changed as we read it$|{SHRANK.pattern}")
OCTAL_DIGITS = 3
CONTROLS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
BLOCK_BYTES = 1 << 20
ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
HARMLESS = re.compile(
    r": Warning: Cannot \S+: Operation not supported$"  # a file system without ACLs or attributes
    r"|: Warning: Cannot \S+: (No such file or directory|No data available)$"  # it vanished meanwhile
    r"|^tar: Exiting with failure status due to previous errors$"
)


@dataclass(frozen=True)
class Written:
    """What tar said of the files: how many vanished before it came, and which changed while it read."""

    vanished: int
    moving: list[str]

    def and_of(self, other: "Written") -> "Written":
        """What is said of both."""
        return Written(self.vanished + other.vanished, self.moving + other.moving)


def write_tarball(
    paths: Mapping[Path, Iterable[str]], to: Path, tick: Callable[[int], None], *, low_priority: bool
) -> Written:
    """Archive, for each folder, the `paths` in it (relative to `/`, folders without their contents) into `to`, which
    must not exist.

    `tick` receives the bytes read so far. BackupError names the file that cannot be read, or says that the disk is
    full.
    """
    with to.open("xb") as target:
        if low_priority:
            return _compress_beside(paths, target, tick)
        return _compress_here(paths, target, tick)


def _compress_beside(paths: Mapping[Path, Iterable[str]], target: BinaryIO, tick: Callable[[int], None]) -> Written:
    """The archive compressed into `target` by a program that has a low priority, as tar has."""
    command = (*zstdpipe.COMMAND, "compress" if len(paths) == 1 else "join")
    source, sink = os.pipe()
    written = Written(0, [])
    with (
        os.fdopen(sink, "wb") as pipe,
        os.fdopen(source, "rb") as end,
        child(command, low_priority=True, stdin=end, stdout=target) as zstd,
    ):
        end.close()  # so that tar hears of it when zstd gives up
        for folder, names in paths.items():
            with _tar(folder, names, stdout=pipe, low_priority=True) as tar:
                status = tar.wait(lambda: tick(_bytes_read(zstd.pid)))
                if zstd.process.poll() is None:
                    written = written.and_of(_judge(folder, tar, status))
        pipe.close()
        if zstd.wait(lambda: tick(_bytes_read(zstd.pid))):
            place = Path(target.name).parent
            raise BackupError(f"la sauvegarde n'a pas pu être écrite dans {place} : {reason(zstd.last_words())}")
    return written


def _compress_here(paths: Mapping[Path, Iterable[str]], target: BinaryIO, tick: Callable[[int], None]) -> Written:
    """The same by this very process, while users wait: a program more takes longer to start than the work takes."""
    written = Written(0, [])
    with zstdpipe.compressing(target) as packed:
        for folder, names in paths.items():
            with _tar(folder, names, stdout=PIPE, low_priority=False) as tar:
                sift(tar.output, lambda _: True, packed, tick)
                written = written.and_of(_judge(folder, tar, tar.wait(lambda: tick(0))))
        packed.write(END)
    return written


@contextmanager
def _tar(folder: Path, names: Iterable[str], *, stdout: int | IO[bytes], low_priority: bool) -> Iterator[Child]:
    """The tar that writes the `names` in `folder`, of which it sees nothing beside."""
    with tempfile.TemporaryFile() as names_file:
        names_file.write(b"".join(os.fsencode(name) + b"\0" for name in names))
        names_file.seek(0)
        with (
            enclosed(CREATE, _view(folder)) as (command, descriptors),
            child(command, low_priority=low_priority, stdin=names_file, stdout=stdout, descriptors=descriptors) as tar,
        ):
            yield tar


def _view(folder: Path) -> View:
    return View(folders=[folder], capabilities=KEEPING)


def _bytes_read(pid: int) -> int:
    try:
        return int(psutil.Process(pid).io_counters().read_chars)
    except psutil.Error:  # it has just ended
        return 0


def _judge(folder: Path, tar: Child, status: int) -> Written:
    """tar's status 1 and 2 cover both what is normal on a live platform and what spoils a backup: its words tell."""
    said = [line for line in tar.said() if not HARMLESS.search(line)]
    vanished = [line for line in said if VANISHED.search(line)]
    moving = [line.removeprefix("tar: ").rpartition(": ")[0] for line in said if MOVING.search(line)]
    grave = [line for line in said if not VANISHED.search(line) and not MOVING.search(line)]
    if grave or status not in (0, 1, 2):
        words = grave[0].removeprefix("tar: ") if grave else f"code {status}"
        raise BackupError(f"un fichier ne peut pas être sauvegardé : {reason(words)}")
    for line in said:
        if SHRANK.search(line):
            _prove_readable(folder, SHRANK.sub("", line).removeprefix("tar: "))
    return Written(len(vanished), moving)


def _prove_readable(folder: Path, name: str) -> None:
    """tar says the same of a file that became shorter and of one whose end cannot be read, which it fills with zeros.

    BackupError for the latter. `name` as tar quotes it.
    """
    path = os.fsdecode(b"/" + ESCAPED.sub(_unescaped, name.encode("utf-8", "surrogateescape")))
    try:
        with folder_hand(folder) as hand:
            hand.read_to_end(path, nothing)
    except OSError as error:
        raise BackupError(f"« {shown(path)} » ne peut pas être lu jusqu'au bout ({reason(error)})") from error


def _unescaped(match: re.Match[bytes]) -> bytes:
    """The byte that GNU tar's quoting style « escape » stands for."""
    code = match[1]
    return bytes([int(code, 8)]) if len(code) == OCTAL_DIGITS else CONTROLS.get(code, code)


@contextmanager
def _decompressed(file: BinaryIO, tick: Callable[[], None], *, low_priority: bool = False) -> Iterator[BinaryIO]:
    """The contents of the tarball `file`; what zstd finds wrong, checksum included, is a BackupError.

    At low priority a program of its own does it, else this process.
    """
    damaged = f"archive de sauvegarde {file.name} endommagée"
    if not low_priority:
        try:
            with zstdpipe.decompressing(file) as contents:
                yield contents
        except zstdpipe.DAMAGED as error:
            raise BackupError(f"{damaged} : {error}") from error
        return
    command = (*zstdpipe.COMMAND, "decompress")
    with child(command, low_priority=True, stdin=file, stdout=PIPE) as zstd:
        yield zstd.output
        if zstd.wait(tick):
            raise BackupError(f"{damaged} : {reason(zstd.last_words())}")


def members_of(tarball: Path, tick: Callable[[int], None], *, low_priority: bool) -> dict[str, Member]:
    """Read the whole of `tarball` back and say what it holds, by name; BackupError where it is damaged."""
    members: dict[str, Member] = {}

    def note(member: Member) -> bool:
        members[member.name] = member
        return False

    with (
        tarball.open("rb") as file,
        _decompressed(file, lambda: tick(0), low_priority=low_priority) as contents,
    ):
        sift(contents, note, None, tick)
    return members


def pass_members(
    tarball: Path,
    wanted: Collection[str],
    out: BinaryIO,
    tick: Callable[[int], None],
    *,
    low_priority: bool = False,
) -> None:
    """Copy the members of `tarball` whose names are `wanted` to `out`, as tar, without an end mark. `tick`
    receives the bytes of the tarball that were read."""
    with (
        tarball.open("rb") as file,
        _decompressed(file, lambda: tick(0), low_priority=low_priority) as contents,
    ):
        sift(contents, lambda member: member.name in wanted, out, lambda _: tick(file.tell()))


def extract(folder: Path, sources: Iterable[tuple[Path, Collection[str]]], tick: Callable[[int], None]) -> None:
    """Extract from each tarball the names asked of it, all in `folder`, replacing what stands there. `tick` receives
    the bytes of the tarballs that were read.

    tar sees nothing but that folder: a link put in one of its folders' place leads nowhere. BackupError; OSError where
    `folder` is missing, or a link.
    """
    with (
        enclosed(EXTRACT, _view(folder)) as (command, descriptors),
        child(command, stdin=PIPE, descriptors=descriptors) as tar,
    ):
        feed(tar, sources, tick)


def feed(tar: Child, sources: Iterable[tuple[Path, Collection[str]]], tick: Callable[[int], None]) -> None:
    """Give a tar that extracts the names asked of each tarball, and wait for its end. BackupError where it fails."""
    past = 0

    def count(read: int) -> None:
        tick(past + read)

    try:
        for tarball, wanted in sources:
            pass_members(tarball, wanted, tar.input, count)
            past += tarball.stat().st_size
        tar.input.write(END)
        tar.input.close()
    except BrokenPipeError:
        tar.wait(lambda: count(0))
    if tar.wait(lambda: count(0)):
        raise BackupError(f"la restauration des fichiers a échoué : {reason(tar.last_words())}")
