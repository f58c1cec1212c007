"""Never more bytes are decompressed than announced."""

import pytest
from backports import zstd

from ospi_supervisor.archive.frames import unpack, unpack_lines
from ospi_supervisor.errors import ArchiveError

BOMB = zstd.compress(bytes(200 * 1024**2))
LINES = b"one\ntwo\n"


def test_a_frame_gives_what_it_announces() -> None:
    assert unpack("packs/0000.zst", zstd.compress(LINES), len(LINES)) == LINES
    assert list(unpack_lines("index", zstd.compress(LINES), len(LINES), 100)) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("frame", "announced"),
    [
        (BOMB, 1000),
        (zstd.compress(LINES), len(LINES) - 1),
        (zstd.compress(LINES), len(LINES) + 1),
        (zstd.compress(LINES)[:-2], len(LINES)),
        (zstd.compress(LINES) + b"more", len(LINES)),
        (b"", 0),
        (b"noise", 5),
        (zstd.compress(b"x" * 100_000, options={zstd.CompressionParameter.window_log: 27}), 99_999),
    ],
)
def test_a_frame_that_lies_is_refused(frame: bytes, announced: int) -> None:
    with pytest.raises(ArchiveError):
        unpack("packs/0000.zst", frame, announced)
    with pytest.raises(ArchiveError):
        list(unpack_lines("index", frame, announced, 10))


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ArchiveError, match="trop longue"):
        list(unpack_lines("index", zstd.compress(b"x" * 1000), 1000, 100))
