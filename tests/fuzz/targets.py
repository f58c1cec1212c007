"""The parsers that meet bytes from outside, each with what to begin from and the words of its language.

A target may raise the errors of the program's own, which are refusals, and nothing else.
"""

import io
import json
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from backports.zstd import compress

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import MAX_LINE, checked, decode_entry
from ospi_supervisor.archive.frames import pack_against, unpack, unpack_lines
from ospi_supervisor.archive.header import prove, read_header
from ospi_supervisor.archive.manifest import decode_manifest
from ospi_supervisor.archive.metadata import decode_release, decode_root
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import parse_config
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.domain.sign_in import known_browser, with_token
from ospi_supervisor.domain.unlock import Challenge, decode_code, encode_code, parse_challenge
from ospi_supervisor.domain.versions import satisfies
from ospi_supervisor.errors import SupervisorError
from ospi_supervisor.web.context import stored_number
from ospi_supervisor.web.tus import read_metadata
from tests.support import archives

UNPACKED = 64 * 1024
EXAMPLE = Path(__file__).parents[2] / "docs" / "supervisor.example.toml"


@dataclass(frozen=True)
class Target:
    """One parser: what is done with an input, inputs to begin from, and words that blind changes would not find."""

    read: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    words: Sequence[bytes] = field(default=())

    def __call__(self, data: bytes) -> None:
        """Read `data`; a refusal is an answer."""
        with suppress(SupervisorError):
            self.read(data)


@cache
def good() -> tuple[bytes, dict[str, bytes], Trust]:
    """A good archive, its members by name, and the trust in its vendor."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = archives.make_keys(folder)
        path = archives.build_archive(folder / "good.ospi", keys, archives.make_tree(folder / "tree"))
        with tarfile.open(path) as tar:
            members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
        return path.read_bytes(), members, Trust((keys / "root.json").read_bytes())


def member(name: str) -> Callable[[], Sequence[bytes]]:
    """That member of the good archive, to begin from."""
    return lambda: [good()[1][name]]


def _header(data: bytes) -> None:
    file = io.BytesIO(data)
    header = read_header(file, len(data), len(data), good()[2], archives.NOW)
    if header is not None:
        prove(file, header, 0, len(data))


def _index(data: bytes) -> None:
    manifest = Manifest(product="p", version="1", entries=100, unpacked_bytes=1000)
    list(checked(map(decode_entry, data.split(b"\n")), manifest))


def _frame(data: bytes) -> None:
    with suppress(SupervisorError):
        unpack("x", data, UNPACKED)
    list(unpack_lines("x", data, UNPACKED, MAX_LINE))


def _patch(data: bytes) -> None:
    list(unpack_lines("x", data, UNPACKED, MAX_LINE, PREFIX))


def _tus(data: bytes) -> None:
    text = data.decode("latin-1")
    stored_number(text)
    with suppress(ValueError):  # which its caller answers
        read_metadata(text)


def _code(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for read in (parse_challenge, decode_code):
        with suppress(SupervisorError):
            read(text)
    known_browser(text, "admin", "hash")
    with_token(text, "x")
    satisfies("11.5.0", text[:1000])


def _config(data: bytes) -> None:
    with suppress(tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):  # which `load_config` answers
        parse_config(tomllib.loads(data.decode()))


PREFIX = b"".join(b"ligne %d\n" % number for number in range(500))
_LINES = b"".join(b'{"path":"d%d","kind":"dir","mode":493}\n' % number for number in range(50))
_METADATA = (
    b'"signatures"', b'"signed"', b'"_type"', b'"keys"', b'"roles"', b'"keyids"', b'"threshold"', b'"keytype"',
    b'"scheme"', b'"keyval"', b'"public"', b'"ed25519"', b'"rsa"', b'"rsassa-pss-sha256"', b'"pgp+rsa-pkcsv1.5"',
    b'"ecdsa"', b'"ecdsa-sha2-nistp256"', b'"sphincs"', b'"delegations"', b'"succinct_roles"', b'"expires"',
    b'"version"', b'"spec_version"', b'"x-ospi"', b'"custom"', b'"hashes"', b'"length"', b'"targets"', b"1e999",
    b"\\ud800", b"null", b"-1", b"18446744073709551616",
)  # fmt: skip
_INDEX = (
    b'"path"', b'"kind"', b'"dir"', b'"file"', b'"link"', b'"mode"', b'"size"', b'"sha256"', b'"target"', b'"pack"',
    b'"offset"', b'"base"', b'"length"', b"%00", b"%2F", b"%2E%2E", b"../", b"\n", b"9007199254740992",
)  # fmt: skip

_MAGIC = b"\x28\xb5\x2f\xfd"

TARGETS = {
    "header": Target(_header, lambda: [good()[0]], (b"ustar\0" + b"00", b"metadata/1.root.json\0", *_METADATA)),
    "root": Target(lambda data: decode_root("root", data), member(layout.root_name(1)), _METADATA),
    "release": Target(lambda data: decode_release("release", data), member(layout.RELEASE), _METADATA),
    "manifest": Target(
        decode_manifest, member(layout.MANIFEST), (b'"format"', b'"hooks"', b'"writable"', b'"delta"', b'"base"')
    ),
    "index": Target(_index, lambda: [_LINES, b'{"path":"a","kind":"link","target":"b"}\n'], _INDEX),
    "frame": Target(_frame, lambda: [compress(_LINES), compress(_LINES) * 2], (_MAGIC, b"\x50\x2a\x4d\x18")),
    "patch": Target(_patch, lambda: [pack_against(PREFIX, PREFIX + b"fin\n", 3)], (_MAGIC,)),
    "tus": Target(
        _tus, lambda: [b"filename YS5vc3Bp,type eA==", b"1234", b"sha256 47DEQpj8"], (b"filename ", b",", b"=", b"99")
    ),
    "code": Target(
        _code,
        lambda: [
            encode_code(bytes(64)).encode(),
            str(Challenge(product="p", version="1", update_id=1, nonce="0" * 20)).encode(),
            b">=10.0.0,<12",
        ],
        (b"ospi-deblocage/", b"~=", b"===", b".*", b"~", b"+local", b"1!"),
    ),
    "config": Target(
        _config,
        lambda: [EXAMPLE.read_bytes(), json.dumps({"a": 1}).encode()],
        (b"[supervisor]", b"[[platform.services]]", b'"""', b"'''", b"inf", b"nan", b"1979-05-27", b"{ a = 1 }"),
    ),
}  # fmt: skip
"""Every parser by the name that `make fuzz` gives it."""
