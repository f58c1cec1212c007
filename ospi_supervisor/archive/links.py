"""Whether symbolic links stay inside a release, judged on the tree as it will be, before anything is written."""

import os
from collections.abc import Mapping

from ospi_supervisor.archive.recognise import unsafe

_MAX_HOPS = 40  # Linux's own limit


def check_links(links: Mapping[bytes, bytes]) -> None:
    """ArchiveError(unsafe) if a link of the tree can lead outside it; `links` maps each link's path to its target.

    Targets are followed as the kernel would, through every other link: a look at the text alone would miss
    `a/l → ..` beneath `m → a/l/../..`. A target that does not exist is accepted: a hook may create it.
    """
    for path in links:
        _follow(path, links)


def _follow(path: bytes, links: Mapping[bytes, bytes]) -> None:
    here: list[bytes] = []
    pending = path.split(b"/")[::-1]
    hops = 0
    while pending:
        part = pending.pop()
        if part == b"..":
            if not here:
                raise _leaving(path)
            here.pop()
        elif part not in (b"", b"."):
            target = links.get(b"/".join([*here, part]))
            if target is None:
                here.append(part)
                continue
            hops += 1
            if target.startswith(b"/") or b"\0" in target or hops > _MAX_HOPS or len(target) > 4000:
                raise _leaving(path)
            pending.extend(reversed(target.split(b"/")))


def _leaving(path: bytes) -> Exception:
    return unsafe(f"lien {os.fsdecode(path)!r} qui sort de la version ou tourne en rond")
