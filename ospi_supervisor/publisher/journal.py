"""Who published, withdrew, held or rotated what: a journal beside the repository, each line signed and chained.

A line is JSON: what was done, the digest of the line before, and a signature by the key of the role `timestamp`, which
every change needs. A line that is removed or changed is seen.
"""

import getpass
import hashlib
import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.metadata import Root

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.system.files import fsync_dir

_NAME = "journal.jsonl"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done. `signed_by` are the keys that signed the list of the repository; `previous` the digest before."""

    at: str
    by: str
    action: str
    detail: str
    signed_by: tuple[str, ...]
    previous: str


class _Line(msgspec.Struct, frozen=True):
    act: Act
    keyid: str
    sig: str


def note(
    repository: Path, action: str, detail: str, *, signer: CryptoSigner, signed_by: Sequence[str], now: datetime
) -> None:
    """Add a line to the journal of the repository in that folder; durable. Raises OSError, RefusedError."""
    path = repository / _NAME
    act = Act(
        at=now.isoformat(),
        by=f"{getpass.getuser()}@{socket.gethostname()}",
        action=action,
        detail=detail,
        signed_by=tuple(signed_by),
        previous=_digest(_lines(path)[-1:]),
    )
    signature = signer.sign(msgspec.json.encode(act))
    line = msgspec.json.encode(_Line(act, signature.keyid, signature.signature))
    with path.open("ab") as file:
        file.write(line + b"\n")
        file.flush()
    fsync_dir(repository)


def read(repository: Path, roots: Sequence[Root]) -> list[Act]:
    """The journal, each line proven by a key `timestamp` of `roots`; RefusedError at the first that is not."""
    acts: list[Act] = []
    lines = _lines(repository / _NAME)
    for number, data in enumerate(lines, start=1):
        try:
            line = msgspec.json.decode(data, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _broken(number) from error
        if line.act.previous != _digest(lines[number - 2 : number - 1] if number > 1 else []) or not _proven(
            line, roots
        ):
            raise _broken(number)
        acts.append(line.act)
    return acts


def _proven(line: _Line, roots: Sequence[Root]) -> bool:
    data = msgspec.json.encode(line.act)
    for root in roots:
        if line.keyid in root.roles["timestamp"].keyids:
            try:
                root.keys[line.keyid].verify_signature(Signature(line.keyid, line.sig), data)
            except UnverifiedSignatureError:
                continue
            return True
    return False


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []


def _digest(line: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(line)).hexdigest()


def _broken(number: int) -> RefusedError:
    return RefusedError(
        f"la ligne {number} du journal n'est pas celle qui a été écrite, ou une ligne manque avant elle ;"
        " comparez à vos sauvegardes"
    )
