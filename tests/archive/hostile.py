"""Hostile archives, made from a good one: what anybody can send, and what only a holder of the vendor's keys could."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ospi_supervisor.archive import layout
from ospi_supervisor.publisher.build import tar_member
from tests.archive.hostile_contents import indexes, packs
from tests.archive.hostile_vendor import ODD_VALUES, Case, Vendor, spelled


def cases(vendor: Vendor) -> Iterator[Case]:
    """Every hostile archive, under a name of its own; nothing of it may ever be accepted."""
    yield from _altered(vendor)
    yield from _roots(vendor)
    yield from _releases(vendor)
    yield from _manifests(vendor)
    yield from indexes(vendor)
    yield from packs(vendor)


def _altered(vendor: Vendor) -> Iterator[Case]:
    """What anybody makes of a good archive."""
    dice = random.Random(1)
    for number in range(60):
        data = bytearray(vendor.good)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        yield f"bit-{number}", bytes(data)
    for number in range(30):
        yield f"cut-{number}", vendor.good[: dice.randrange(len(vendor.good))]
    for number in range(10):
        yield f"longer-{number}", vendor.good + bytes(512 * (number + 1))
    names = list(vendor.members)
    for name in names:
        rest = {other: data for other, data in vendor.members.items() if other != name}
        yield f"without-{name}", _tar(rest)
        yield f"twice-{name}", _tar(vendor.members)[:-1024] + tar_member(name, vendor.members[name]) + layout.END
        yield f"empty-{name}", _tar(vendor.members | {name: b""})
        yield f"other-{name}", _tar(vendor.members | {name: b"{}"})
    for odd in (b"../x", b"/etc/passwd", b"metadata/1.root.json\0x", b"x" * 99):
        block = bytearray(vendor.good[:512])
        block[: len(odd)] = odd
        yield f"name-{odd[:9]!r}", bytes(block) + vendor.good[512:]


def _tar(members: dict[str, bytes]) -> bytes:
    return b"".join(tar_member(name, data) for name, data in members.items()) + layout.END


def _roots(vendor: Vendor) -> Iterator[Case]:
    """Metadata that nobody signed, or that list whom they like."""

    def with_root(change: Callable[[Any], object]) -> bytes:
        document = json.loads(vendor.root)
        change(document)
        return _tar(vendor.members | {layout.root_name(1): spelled(document)})

    def odd(path: list[Any], value: Any) -> Callable[[Any], object]:
        def change(document: Any) -> None:
            for step in path[:-1]:
                document = document[step]
            document[path[-1]] = value

        return change

    key = next(iter(json.loads(vendor.root)["signed"]["keys"]))
    paths: list[list[Any]] = [
        ["signatures"],
        ["signed"],
        ["signed", "keys"],
        ["signed", "roles"],
        ["signed", "version"],
        ["signed", "expires"],
        ["signed", "roles", "root", "threshold"],
        ["signed", "roles", "root", "keyids"],
        ["signed", "keys", key, "keytype"],
        ["signed", "keys", key, "keyval", "public"],
        ["signatures", 0, "sig"],
    ]
    for path in paths:
        for number, value in enumerate(ODD_VALUES):
            yield f"root-{'.'.join(map(str, path))[:40]}-{number}", with_root(odd(path, value))
    for name, data in _raw_metadata():
        yield f"root-raw-{name}", _tar(vendor.members | {layout.root_name(1): data})
        yield f"release-raw-{name}", _tar(vendor.members | {layout.RELEASE: data})


def _raw_metadata() -> Iterator[Case]:
    yield "open-lists", b"[" * 60_000
    yield "deep", b'{"signatures":[],"signed":' + b'{"a":' * 9000 + b"1" + b"}" * 9001
    yield "many", b'{"signatures":[],"signed":{"_type":"targets","x":[' + b"{}," * 20_000 + b"{}]}}"
    yield (
        "many-signatures",
        b'{"signatures":[' + b'{"keyid":"a","sig":"00"},' * 2000 + b'{"keyid":"a","sig":"00"}],"signed":{}}',
    )
    yield "long-number", b'{"signatures":[],"signed":{"version":' + b"9" * 50_000 + b"}}"
    yield "not-utf8", b'{"signatures":[],"signed":"\xff\xfe"}'
    yield "nan", b'{"signatures":[],"signed":{"version":NaN}}'
    yield "surrogate", b'{"signatures":[],"signed":{"_type":"\\ud800"}}'
    yield "twice", b'{"signatures":[],"signatures":[],"signed":{"_type":"root","_type":"targets"}}'
    yield "null", b"null"
    yield "nothing", b""


def _releases(vendor: Vendor) -> Iterator[Case]:
    """Signed lists of members that lie, or that are of another purpose."""
    names = [layout.MANIFEST, layout.INDEX, layout.pack_name(0)]
    changes: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
        ("delegations", lambda release: release.update(delegations={"keys": {}, "roles": []})),
        ("stamp", lambda release: release.update({"x-ospi": {"kind": "repository"}})),
        ("no-stamp", lambda release: release.pop("x-ospi")),
        ("product", lambda release: release["x-ospi"].update(product="autre")),
        ("type", lambda release: release.update(_type="snapshot")),
        ("more", lambda release: release["targets"].update({"../x": release["targets"][names[0]]})),
        ("gap", lambda release: release["targets"].update({"packs/9999.zst": release["targets"][names[2]]})),
    ]
    for name in names:
        changes.append((f"no-{name}", partial(_without, name)))
        for number, value in enumerate([*ODD_VALUES, layout.MAX_PACK + 1]):
            for odd in ({"length": value}, {"custom": {"unpacked": value}}, {"hashes": {"sha256": value}}):
                changes.append((f"{next(iter(odd))}-{number}-{name}", partial(_with_target, name, odd)))
    for label, change in changes:
        release = copy.deepcopy(vendor.release)
        change(release)
        if release != vendor.release and not (label.startswith("custom") and names[0] in label):
            yield f"release-{label}", vendor.archive(vendor.sign(release))


def _without(name: str, release: dict[str, Any]) -> None:
    del release["targets"][name]


def _with_target(name: str, fields: dict[str, Any], release: dict[str, Any]) -> None:
    release["targets"][name].update(fields)


def _manifests(vendor: Vendor) -> Iterator[Case]:
    """Signed manifests that ask for what is never done."""
    hook = {"phase": "stage", "name": "10-x", "timeout": 5, "title": "x"}
    fields: list[tuple[str, Any]] = [
        ("format", 2),
        ("format", -1),
        ("product", "../../x"),
        ("version", "1/../2"),
        ("version", "latest"),
        ("kind", "delta"),
        ("base", "11.5.0"),
        ("requires", ">=" + "9" * 5000),
        ("entries", 10**9),
        ("unpacked_bytes", 2**70),
        ("writable", ["../x"]),
        ("writable", ["/etc"]),
        ("hooks", [hook | {"name": "../x"}]),
        ("hooks", [hook | {"name": "a/b"}]),
        ("hooks", [hook | {"timeout": 10**9}]),
        ("hooks", [hook | {"phase": "root"}]),
        ("hooks", [[]] * 9),
    ]
    fields += [(name, value) for name in ("format", "product", "version", "kind", "entries") for value in ODD_VALUES]
    for number, (name, value) in enumerate(fields):
        if vendor.manifest.get(name) != value:
            data = spelled(vendor.manifest | {name: value})
            yield f"manifest-{number}-{name}", vendor.signed_archive(manifest=data)
    for name, data in _raw_metadata():
        yield f"manifest-raw-{name}", vendor.signed_archive(manifest=data)
