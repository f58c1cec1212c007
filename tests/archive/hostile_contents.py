"""Signed indexes and packs that say, or hold, what no good archive does."""

import random
from collections.abc import Iterator
from typing import Any

from backports.zstd import CompressionParameter, ZstdDict, compress

from ospi_supervisor.archive import layout
from tests.archive.hostile_vendor import BOMB, FILE, Case, Vendor, spelled


def indexes(vendor: Vendor) -> Iterator[Case]:
    """Signed indexes that would write elsewhere, or much."""
    folder = {"path": "d", "kind": "dir", "mode": 493}
    trees: list[list[dict[str, Any]]] = [[folder | {"path": path}] for path in _PATHS]
    trees += [
        [folder, {"path": "d/l", "kind": "link", "target": target}]
        for target in ("../..", "../../d", "/etc", "l", "%00")
    ]
    trees += [
        [{"path": "a", "kind": "link", "target": ".."}, {"path": "b", "kind": "link", "target": "a/../etc"}],
        [{"path": "a", "kind": "link", "target": "b"}, {"path": "b", "kind": "link", "target": "a"}],
        [{"path": f"l{n:03d}", "kind": "link", "target": f"l{n + 1:03d}"} for n in range(99)],
        [{"path": "l", "kind": "link", "target": "d/../" * 700 + ".."}],
        [{"path": "l", "kind": "link", "target": "."}, FILE | {"path": "l/x"}],
        [FILE | {"path": "f"}, FILE | {"path": "f/x"}],
        [folder, folder],
        [{"path": "z", "kind": "dir"}, {"path": "a", "kind": "dir"}],
        [FILE | {"path": "x", "unknown": 1}],
    ]
    trees += [[FILE | {"path": "x"} | odd] for odd in _FIELDS]
    for number, tree in enumerate(trees):
        yield f"index-{number}", vendor.with_index(b"".join(spelled(line) + b"\n" for line in tree))
    good = b"".join(spelled(folder | {"path": f"d{n:05d}"}) + b"\n" for n in range(1000))
    many = b"".join(b'{"kind":"dir","path":"d%07d"}\n' % number for number in range(420_000))
    yield "index-many", vendor.with_index(many)
    yield "index-many-more-than-announced", vendor.with_index(many, entries=399_999)
    yield "index-more-than-announced", vendor.with_index(good, entries=10)
    yield "index-fewer-than-announced", vendor.with_index(good, entries=1001)
    yield "index-long-line", vendor.with_index(b'{"path":"' + b"x" * 100_000 + b'","kind":"dir"}\n')
    yield "index-no-end", vendor.with_index(good[:-1])
    yield "index-empty-lines", vendor.with_index(b"\n" * 200_000)
    yield "index-not-a-frame", vendor.with_index(good, good)
    yield "index-cut-frame", vendor.with_index(good, compress(good)[:-9])
    yield "index-two-frames", vendor.with_index(good, compress(good) * 2)
    yield "index-bomb", vendor.with_index(good, BOMB)
    yield "index-bomb-announced", vendor.with_index(good, BOMB, unpacked=200 * 1024**2)
    yield "index-wide-window", vendor.with_index(good, _wide(good))


_PATHS = [
    "",
    ".",
    "..",
    "/etc/x",
    "../x",
    "a/../x",
    "a//x",
    "./x",
    "a/",
    "x%00y",
    "absent/x",
    "x" * 256,
    "y/" * 2100 + "y",
]

_FIELDS: list[dict[str, Any]] = [
    {"mode": 0o4755},
    {"mode": 0o2755},
    {"mode": 0o1777},
    {"mode": -1},
    {"size": -1},
    {"size": 2**60},
    {"size": 2**64},
    {"size": 2, "offset": 2**40},
    {"offset": -1},
    {"offset": 2**63},
    {"pack": -1},
    {"pack": 9999},
    {"pack": None},
    {"sha256": "00"},
    {"sha256": "zz" * 32},
    {"sha256": ""},
    {"target": "x"},
    {"base": "00" * 32, "length": 9},
    {"base": "00" * 32},
    {"length": 9},
    {"kind": "device"},
    {"kind": "dir"},
    {"size": 10**400},
]


def packs(vendor: Vendor) -> Iterator[Case]:
    """Signed packs that hold something else than the index says."""
    name = layout.pack_name(0)
    size = vendor.release["targets"][name]["custom"]["unpacked"]
    frames = {
        "empty": b"",
        "zeros": compress(bytes(size)),
        "shorter": compress(bytes(size - 1)),
        "longer": compress(bytes(size + 1)),
        "bomb": BOMB,
        "noise": random.Random(2).randbytes(5000),
        "cut": vendor.members[name][:-5],
        "two": vendor.members[name] * 2,
        "more": vendor.members[name] + b"x",
        "wide": _wide(bytes(size)),
        "with-a-prefix": compress(bytes(size), zstd_dict=ZstdDict(b"12345678" * 9, is_raw=True).as_prefix),
    }
    for label, frame in frames.items():
        yield f"pack-{label}", vendor.signed_archive(pack=frame)
        yield f"pack-unsigned-{label}", vendor.archive(vendor.members[layout.RELEASE], pack=frame)
        yield f"pack-announced-{label}", vendor.signed_archive({"pack": 15 * 1024**2}, pack=frame)


def _wide(data: bytes) -> bytes:
    """A frame that asks its reader for a window of 1 GiB."""
    return compress(
        data + bytes(1024),
        options={CompressionParameter.window_log: 30, CompressionParameter.enable_long_distance_matching: 1},
    )
