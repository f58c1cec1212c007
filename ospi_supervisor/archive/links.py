"""Whether symbolic links stay inside a release, judged on the tree as it will be, before anything is written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ospi_supervisor.archive.refusals import unsafe

_MAX_HOPS = 40  # Linux's own limit
_MAX_PATH = 4000  # what Linux takes, with room for the folder above the release


def check_links(links: Mapping[bytes, bytes]) -> None:
    """ArchiveError(unsafe) if a link of the tree can lead outside it; `links` maps each link's path to its target.

    Targets are followed as the kernel would, through every other link: a look at the text alone would miss
    `a/l → ..` beneath `m → a/l/../..`. A target that does not exist is accepted: a hook may create it. Each link is
    followed once, so that the cost grows with the targets' length and not with what they make of each other.
    """
    followed = _Followed(links)
    for path in links:
        followed.end_of(path)


@dataclass
class _Followed:
    """Where links end, inside the tree, and after how many hops."""

    links: Mapping[bytes, bytes]
    ends: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def end_of(self, link: bytes, depth: int = 1) -> tuple[bytes, int]:
        """The path that `link` stands for, and the hops to it."""
        if link in self.ends:
            return self.ends[link]
        target = self.links[link]
        if target.startswith(b"/") or b"\0" in target or depth > _MAX_HOPS or len(target) > _MAX_PATH:
            raise _leaving(link)
        here, hops = link.rpartition(b"/")[0], 1
        for part in target.split(b"/"):
            here, more = self._step(link, here, part, depth)
            hops += more
            if hops > _MAX_HOPS or len(here) > _MAX_PATH:
                raise _leaving(link)
        self.ends[link] = here, hops
        return here, hops

    def _step(self, link: bytes, here: bytes, part: bytes, depth: int) -> tuple[bytes, int]:
        """From the folder `here` along one part of a target."""
        if part in (b"", b"."):
            return here, 0
        if part == b"..":
            if not here:
                raise _leaving(link)
            return here.rpartition(b"/")[0], 0
        there = here + b"/" + part if here else part
        return self.end_of(there, depth + 1) if there in self.links else (there, 0)


def _leaving(path: bytes) -> Exception:
    return unsafe(f"lien {os.fsdecode(path)!r} qui sort de la version ou tourne en rond")
