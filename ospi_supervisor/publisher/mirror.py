"""Copying a repository so that whoever reads the copy meanwhile never sees a release before its archive.

A plain copy does not do: `metadata/` comes before `targets/`. Here the files go first, what names them last, and
nothing is named that was not proven.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import urllib3
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from ospi_supervisor.archive.metadata import decode_proven_root
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError, RefusedError
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.publisher.state import State
from ospi_supervisor.system.files import fsync_dir, write_atomically

_NO_REPOSITORY = "ce qui répond n'est pas un dépôt (une page web ?) ; vérifiez son adresse"
_CHUNK = 1024**2
_ATTEMPTS = 5
"""A source that publishes meanwhile may remove what was being copied: then its newer state is copied."""


class Source(Protocol):
    """Where the repository is copied from: names are those of the layout, such as `metadata/timestamp.json`."""

    def read(self, name: str) -> Iterator[bytes]:
        """The file's bytes; FileNotFoundError where there is none."""


class Folder:
    """A repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Iterator[bytes]:
        """As `Source` says."""
        with (self._folder / name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


class Site:
    """A repository at an address."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/") + "/"
        self._pool = urllib3.PoolManager(timeout=30.0)

    def read(self, name: str) -> Iterator[bytes]:
        """As `Source` says; RefusedError where the site cannot be read."""
        try:
            reply = self._pool.request("GET", self._address + quote(name), preload_content=False, redirect=False)
            with closing(reply):
                if reply.status in (403, 404, 410):
                    raise FileNotFoundError(name)
                if reply.status != 200:
                    raise RefusedError(f"{self._address} répond par le code {reply.status} ; réessayez plus tard")
                yield from reply.stream(_CHUNK, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise RefusedError(f"{self._address} ne peut pas être lu ({error}) ; réessayez plus tard") from error


def mirror(source: Source, target: Repository) -> int:
    """Make `target` what `source` is, files first; returns how many archives and notices were copied.

    RefusedError where the source proves nothing, or is behind what `target` already shows.
    """
    with target.locked():
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _copy(source, target)
            except FileNotFoundError as error:
                if attempt == _ATTEMPTS:
                    raise RefusedError(
                        f"le dépôt d'origine ne présente pas « {error.filename or error} » qu'il annonce ; lancez"
                        " « ospi-release doctor » sur lui"
                    ) from error
    raise AssertionError  # the loop returns or raises


def shown(source: Source, first: bytes) -> State:
    """What the readers of `source` see, proven from the vendor's first root on; RefusedError where it is not."""
    roots = _roots(source)
    try:
        root = Trust.delivered(first).extended(roots).root
    except ArchiveError as error:
        raise RefusedError("le dépôt d'origine n'est pas celui de ce dossier de clés ; vérifiez son adresse") from error
    timestamp: Timestamp = _proven(_read(source, "metadata/timestamp.json"), root)
    snapshot: Snapshot = _proven(_read(source, f"metadata/{timestamp.snapshot_meta.version}.snapshot.json"), root)
    name = f"metadata/{snapshot.meta['targets.json'].version}.targets.json"
    return State(_proven(_read(source, name), root), snapshot, timestamp)


def _copy(source: Source, target: Repository) -> int:
    roots = _roots(source)
    newest = _root(roots[-1])
    timestamp = _read(source, "metadata/timestamp.json")
    snapshot_name = f"{_proven(timestamp, newest).snapshot_meta.version}.snapshot.json"
    snapshot = _read(source, f"metadata/{snapshot_name}")
    targets_name = f"{_proven(snapshot, newest).meta['targets.json'].version}.targets.json"
    targets = _read(source, f"metadata/{targets_name}")
    listed: Targets = _proven(targets, newest)
    _check_not_behind(timestamp, target)
    copied = sum(_fetch(source, target, name, sha256) for name, sha256 in _files(listed))
    for name, data in ((targets_name, targets), (snapshot_name, snapshot)):
        _write(target.metadata / name, data)
    _show(target, roots, timestamp)
    target.remove_unlisted_files(listed)
    return copied


def _show(target: Repository, roots: list[bytes], timestamp: bytes) -> None:
    """The instant at which readers see the new state. A reader that still has the older root must prove it as well,
    where the source was signed for both; else the roots go first, and at once what they prove."""
    known = [number for number in range(1, len(roots) + 1) if (target.metadata / f"{number}.root.json").exists()]
    metadata: Metadata[Timestamp] = Metadata.from_bytes(timestamp)
    old = _root(roots[max(known, default=1) - 1])
    steps = [(f"{number}.root.json", root) for number, root in enumerate(roots, start=1)]
    last = ("timestamp.json", timestamp)
    follows = old.get_verification_result("timestamp", metadata.signed_bytes, metadata.signatures).verified
    for name, data in [last, *steps] if follows and known else [*steps, last]:
        _write(target.metadata / name, data)


def _roots(source: Source) -> list[bytes]:
    roots: list[bytes] = []
    while True:
        try:
            roots.append(_read(source, f"metadata/{len(roots) + 1}.root.json"))
        except FileNotFoundError:
            break
    if not roots:
        raise RefusedError("le dépôt d'origine n'a pas de racine ; vérifiez son adresse")
    return roots


def _root(data: bytes) -> Root:
    try:
        return decode_proven_root("root.json", data).signed
    except ArchiveError as error:
        raise RefusedError(_NO_REPOSITORY) from error


def _read(source: Source, name: str) -> bytes:
    return b"".join(source.read(name))


def _proven(data: bytes, root: Root) -> Any:
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(data)
    except DeserializationError as error:
        raise RefusedError(_NO_REPOSITORY) from error
    role = metadata.signed.type
    if not root.get_verification_result(role, metadata.signed_bytes, metadata.signatures).verified:
        raise RefusedError(f"le dépôt d'origine n'est pas signé par sa racine ({role}) ; lancez « doctor » sur lui")
    return metadata.signed


def _files(listed: Targets) -> list[tuple[str, str]]:
    """Where each file lies below `targets/`, and its digest."""
    return [(file.get_prefixed_paths()[0], file.hashes["sha256"]) for _, file in sorted(listed.targets.items())]


def _check_not_behind(timestamp: bytes, target: Repository) -> None:
    path = target.metadata / "timestamp.json"
    if not path.exists():
        return
    here: Metadata[Timestamp] = Metadata.from_file(str(path))
    there: Metadata[Timestamp] = Metadata.from_bytes(timestamp)
    if there.signed.version < here.signed.version:
        raise RefusedError(
            f"le dépôt d'origine (date n° {there.signed.version}) est plus ancien que la copie"
            f" (n° {here.signed.version}), restauré d'une sauvegarde ? lancez « ospi-release doctor » sur lui"
        )


def _fetch(source: Source, target: Repository, name: str, sha256: str) -> bool:
    """Whether the file was copied, proven and durable; it may be there already."""
    final = target.targets / name
    if final.exists():
        return False
    final.parent.mkdir(exist_ok=True)
    temporary = final.with_name(f".{final.name}")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            for chunk in source.read(f"targets/{name}"):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise RefusedError(
                f"le dépôt d'origine présente « {name} » abîmé ; lancez « ospi-release doctor --deep » sur lui"
            )
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_dir(final.parent)
    return True


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        write_atomically(path, data)
