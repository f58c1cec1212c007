"""What the staging process and its unpackers say to each other: length-prefixed msgpack over pipes."""

import os
from typing import BinaryIO, TypeVar

import msgspec


class Inode(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What tells that a file was not touched since it was written: times in nanoseconds."""

    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Inode":
        """As the system tells it."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Pack(msgspec.Struct, frozen=True, array_like=True):
    """One pack: where its frame lies in the archive, and what it must be."""

    name: str
    offset: int
    length: int
    sha256: str
    unpacked: int


class Patch(msgspec.Struct, frozen=True, array_like=True):
    """The installed file that a patch of `length` bytes is applied to, and what it must be; `assembled`: by records."""

    length: int
    base: bytes
    sha256: bytes
    assembled: bool = False


class Slice(msgspec.Struct, frozen=True, array_like=True):
    """One file to write, from `offset` on in the job's contents; with `patch`, what lies there is a patch of it."""

    path: bytes
    offset: int
    size: int
    mode: int
    sha256: bytes
    patch: Patch | None = None


class Unpack(msgspec.Struct, frozen=True, tag=True):
    """Prove `packs`, and write `files` from their contents, one after the other; without files, only prove."""

    packs: list[Pack]
    files: list[Slice]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One file to take from the installed release: trusted while its inode is `seen`, else hashed."""

    source: bytes
    target: bytes
    mode: int
    size: int
    sha256: bytes
    seen: Inode


class Keep(msgspec.Struct, frozen=True, tag=True):
    """Files to take from the installed release."""

    files: list[Kept]
    hard_links: bool


class Done(msgspec.Struct, frozen=True, tag=True):
    """For each file of the job its inode, or None where the installed file is no longer what was recorded."""

    inodes: list[Inode | None]


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The archive is bad: an ArchiveError's message and code."""

    message: str
    code: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The system refused: an OSError's number and file."""

    number: int
    path: str


Job = Unpack | Keep
Reply = Done | Refused | Failed

job_decoder = msgspec.msgpack.Decoder(Job)
reply_decoder = msgspec.msgpack.Decoder(Reply)
_encoder = msgspec.msgpack.Encoder()
_Message = TypeVar("_Message")


def send(pipe: BinaryIO, message: Job | Reply) -> None:
    """Write one message to `pipe`."""
    data = _encoder.encode(message)
    pipe.write(len(data).to_bytes(4, "big") + data)
    pipe.flush()


def receive(pipe: BinaryIO, decoder: msgspec.msgpack.Decoder[_Message]) -> _Message | None:
    """The next message of `pipe`; None where the other side is gone."""
    prefix = pipe.read(4)
    if len(prefix) < 4:
        return None
    data = pipe.read(int.from_bytes(prefix, "big"))
    return decoder.decode(data)
