"""zstd frames of which the unpacked length is signed: never a byte more is decompressed."""

from collections.abc import Iterator

from backports.zstd import (
    CompressionParameter,
    DecompressionParameter,
    ZstdDecompressor,
    ZstdDict,
    ZstdError,
    compress,
)

from ospi_supervisor.archive.refusals import altered

# A frame cannot make the reader reserve more than this many bytes (a power of two): 16 MiB.
_OPTIONS: dict[int, int] = {DecompressionParameter.window_log_max: 24}
# What has a prefix refers to all of it: 128 MiB.
_PREFIXED_OPTIONS: dict[int, int] = {DecompressionParameter.window_log_max: 27}
_CHUNK = 1024**2
_SHORTEST_PREFIX = 8  # zstd takes no shorter one
_SMALLEST_WINDOW = 10  # zstd has no smaller one
_LONG_WINDOW = 23  # beyond, zstd's search for long matches finds what its tables no longer hold


def unpack(name: str, data: bytes, unpacked: int) -> bytes:
    """The `unpacked` bytes that the frame `data`, member `name`, holds; ArchiveError where it holds others."""
    decompressor = ZstdDecompressor(options=_OPTIONS)
    try:
        contents = decompressor.decompress(data, unpacked + 1)
    except ZstdError as error:
        raise altered(name, "compression illisible") from error
    if len(contents) != unpacked or not decompressor.eof or decompressor.unused_data:
        raise altered(name, "longueur décompressée inattendue")
    return contents


def unpack_lines(
    name: str, data: bytes, unpacked: int, longest: int, prefix: bytes | memoryview = b""
) -> Iterator[bytes]:
    """The lines in the frame `data`, one at a time; ArchiveError where one is longer than `longest` bytes."""
    rest = b""
    for chunk in unpack_chunks(name, data, unpacked, prefix):
        *lines, rest = (rest + chunk).split(b"\n")
        if max(map(len, [*lines, rest])) > longest:
            raise altered(name, "ligne trop longue")
        yield from lines
    if rest:
        raise altered(name, "dernière ligne incomplète")


def unpack_chunks(
    name: str, data: bytes | memoryview, unpacked: int, prefix: bytes | memoryview = b""
) -> Iterator[bytes]:
    """The `unpacked` bytes that the frame `data` holds, a mebibyte at most at a time; ArchiveError for others.

    `prefix` is what the frame was made against, as `zstd --patch-from` does; it may go once this has returned.
    """
    return _chunks(name, data, unpacked, _decompressor(prefix))


def pack_against(prefix: bytes | memoryview, data: bytes | bytearray, level: int) -> bytes:
    """A frame of `data` that only who has `prefix` can read: what both have in common costs nearly nothing."""
    if len(prefix) < _SHORTEST_PREFIX:
        return compress(data, level)
    window = max(_SMALLEST_WINDOW, (len(prefix) + len(data)).bit_length())
    options: dict[int, int] = {
        CompressionParameter.compression_level: level,
        CompressionParameter.window_log: window,
        CompressionParameter.enable_long_distance_matching: int(window > _LONG_WINDOW),
    }
    return compress(data, options=options, zstd_dict=ZstdDict(prefix, is_raw=True).as_prefix)


def _chunks(name: str, data: bytes | memoryview, unpacked: int, decompressor: ZstdDecompressor) -> Iterator[bytes]:
    total, fed = 0, data
    while not decompressor.eof:
        try:
            chunk = decompressor.decompress(fed, _CHUNK)
        except ZstdError as error:
            raise altered(name, "compression illisible") from error
        fed = b""
        total += len(chunk)
        if total > unpacked or (not chunk and decompressor.needs_input and not decompressor.eof):
            raise altered(name, "longueur décompressée inattendue")
        yield chunk
    if total != unpacked or decompressor.unused_data:
        raise altered(name, "longueur décompressée inattendue")


def _decompressor(prefix: bytes | memoryview) -> ZstdDecompressor:
    if len(prefix) < _SHORTEST_PREFIX:
        return ZstdDecompressor(options=_OPTIONS)
    return ZstdDecompressor(ZstdDict(prefix, is_raw=True).as_prefix, options=_PREFIXED_OPTIONS)
