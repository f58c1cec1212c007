"""What no hospital could use, refused before anything is compressed, in the vendor's words.

What only the tree, the notice or the hooks' own bytes tell is judged here; the rest by the very code of the readers.
"""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ospi_supervisor.archive.entries import MAX_PATH, EntryKind, check_promised, display
from ospi_supervisor.archive.layout import MAX_METADATA, MAX_NOTICE, MAX_SBOM, PACK_BYTES
from ospi_supervisor.archive.links import check_links
from ospi_supervisor.archive.manifest import check_usable
from ospi_supervisor.domain.manifest import ENTRIES_MAX, Manifest
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import ArchiveError, RefusedError
from ospi_supervisor.publisher.payload import Item

_PACK_RECORD = 180
"""Bytes that one pack takes in `release.json`, at most."""

MAX_CONTENTS = (MAX_METADATA - 64 * 1024) // _PACK_RECORD * PACK_BYTES
"""Beyond it a release has more packs than `release.json` can list."""

_READABLE = {EntryKind.FILE: 0o004, EntryKind.DIRECTORY: 0o005, EntryKind.LINK: 0}

_SHEBANG_MAX = 255  # the kernel cuts what is longer


def check_options(manifest: Manifest, notice: Path, output: Path, payload: Path) -> None:
    """RefusedError where what is asked for cannot make a usable archive, whatever the tree holds."""
    try:
        check_usable(manifest)
    except ArchiveError as error:
        raise _refused(error) from error
    if output.resolve().is_relative_to(payload.resolve()):
        raise RefusedError(f"{output} est dans l'arborescence de la version ; écrivez l'archive ailleurs")
    _check_notice(notice)


def check_tree(items: Sequence[Item], manifest: Manifest) -> None:
    """RefusedError where the tree `items` cannot be installed, or not be used once it is."""
    if not any(item.kind is EntryKind.FILE for item in items):
        raise RefusedError("la version ne contient aucun fichier ; vérifiez --payload")
    if len(items) > ENTRIES_MAX:
        raise RefusedError(f"la version contient {len(items)} éléments, {ENTRIES_MAX} au plus peuvent être installés")
    contents = sum(item.size for item in items)
    if contents > MAX_CONTENTS:
        raise RefusedError(
            f"la version pèse {size(contents)}, {size(MAX_CONTENTS)} au plus peuvent être installés ; sortez-en ce qui"
            " n'en fait pas partie (données, journaux)"
        )
    for item in items:
        _check_item(item)
    programs = {item.path: item for item in items if item.path.startswith(b"hooks/")}
    for hook in manifest.hooks:
        program = programs.get(os.fsencode(f"hooks/{hook.name}"))
        if program is not None and program.kind is EntryKind.FILE:
            _check_program(program)
    _check_as_readers_do(items, manifest)


def check_sbom(path: Path) -> None:
    """RefusedError where the file `path` is no bill of materials in CycloneDX's JSON."""
    data = path.read_bytes()
    try:
        found = msgspec.json.decode(data, type=_Sbom)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"{path} n'est pas une nomenclature CycloneDX en JSON ({error})") from error
    if found.format != "CycloneDX":
        raise RefusedError(f"{path} est au format « {found.format} » ; donnez une nomenclature CycloneDX en JSON")
    if len(data) > MAX_SBOM:
        raise RefusedError(f"{path} pèse {size(len(data))}, {size(MAX_SBOM)} au plus")


class _Sbom(msgspec.Struct):
    format: str = msgspec.field(name="bomFormat")
    spec: str = msgspec.field(name="specVersion")


def _check_notice(notice: Path) -> None:
    data = notice.read_bytes()
    if not data.startswith(b"%PDF-") or b"%%EOF" not in data[-1024:]:
        raise RefusedError(f"{notice} n'est pas un PDF entier ; donnez la notice, exportée en PDF")
    if len(data) > MAX_NOTICE:
        raise RefusedError(f"{notice} pèse {size(len(data))}, {size(MAX_NOTICE)} au plus ; réduisez ses images")


def _check_item(item: Item) -> None:
    if len(item.path) > MAX_PATH:
        raise RefusedError(f"le chemin {display(item.path)} compte plus de {MAX_PATH} octets ; raccourcissez-le")
    wanted = _READABLE[item.kind]
    if item.mode & wanted != wanted:
        raise RefusedError(
            f"{display(item.path)} n'est pas lisible par tous (mode {item.mode:o}) : le compte de la plateforme ne"
            " pourrait pas le lire (chmod -R a+rX)"
        )
    if item.kind is EntryKind.FILE and item.source is not None and _has_capabilities(item.source):
        raise RefusedError(
            f"{display(item.path)} porte des privilèges (capabilities), que l'installation ne garde pas ; retirez-les"
            " (setcap -r) et donnez-les au service par son unité systemd"
        )


def _has_capabilities(path: bytes) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability", follow_symlinks=False))
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP, errno.EPERM):
            return False
        raise


def _check_program(item: Item) -> None:
    """A hook is executed as it is: a program, or a script whose first line names its interpreter."""
    data = Path(os.fsdecode(item.source or b"")).read_bytes()
    name = display(item.path)
    if data.startswith(b"\x7fELF"):
        return
    first = data.split(b"\n", 1)[0]
    if not re.match(rb"#![ \t]*/", first):
        raise RefusedError(
            f"« {name} » ne commence pas par une ligne d'interpréteur (#!/bin/sh, #!/usr/bin/env python3), avec un"
            " chemin absolu ; le système ne saurait pas l'exécuter"
        )
    if b"\r\n" in data:
        raise RefusedError(f"« {name} » a des fins de ligne Windows (CRLF) ; enregistrez-le avec celles d'Unix")
    if len(first) > _SHEBANG_MAX or b"\0" in first:
        raise RefusedError(f"la ligne d'interpréteur de « {name} » est trop longue ou illisible ; corrigez-la")


def _check_as_readers_do(items: Sequence[Item], manifest: Manifest) -> None:
    """By the readers' own code, as far as a tree on a disk can be wrong."""
    links = {
        item.path: os.readlink(item.source or b"")  # noqa: PTH115 - bytes
        for item in items
        if item.kind is EntryKind.LINK
    }
    hooks = {item.path: item.mode for item in items if item.kind is EntryKind.FILE and item.path.startswith(b"hooks/")}
    folders = {item.path for item in items if item.kind is EntryKind.DIRECTORY}
    try:
        check_links(links)
        check_promised(manifest, hooks, folders)
    except ArchiveError as error:
        raise _refused(error) from error


def _refused(error: ArchiveError) -> RefusedError:
    """What a hospital would refuse, without what a hospital is told to do."""
    problem = str(error).partition(" ; ")[0]
    return RefusedError(f"les hôpitaux refuseraient cette archive : {problem} ; corrigez l'arborescence ou les options")
