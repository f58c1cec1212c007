"""zstd, as the standard `zstd` reads and writes it, for machines that have none.

Also as a program of its own, `python -m ospi_supervisor.backup.zstdpipe compress`, which has its own priority; `join`
makes one tar of several that come one after the other.
"""

import shutil
import sys
from typing import BinaryIO, cast

from ospi_supervisor.backup.tarstream import END, join
from ospi_supervisor.errors import BackupError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMMAND = (sys.executable, "-P", "-m", "ospi_supervisor.backup.zstdpipe")
LEVEL = 1  # twice the speed of the default level for a tenth more room
WORKERS = 2
CHUNK = 1 << 20

Parameter = zstd.CompressionParameter
OPTIONS: dict[int, int] = {
    Parameter.compression_level: LEVEL,
    Parameter.nb_workers: WORKERS,
    Parameter.checksum_flag: 1,
}


DAMAGED = (EOFError, zstd.ZstdError)
"""What reading a frame that is cut or altered raises."""


def compressing(target: BinaryIO) -> BinaryIO:
    """A file that writes to `target` compressed, which it leaves open; to be closed."""
    return cast(BinaryIO, zstd.ZstdFile(target, "wb", options=OPTIONS))


def decompressing(source: BinaryIO) -> BinaryIO:
    """A file that reads what the frames in `source` hold; it raises one of `DAMAGED`."""
    return cast(BinaryIO, zstd.ZstdFile(source))


def main(action: str) -> None:
    """`compress`, `join` or `decompress` standard input to standard output; exit 1 with one line where that fails."""
    try:
        if action == "compress":
            with compressing(sys.stdout.buffer) as target:
                shutil.copyfileobj(sys.stdin.buffer, target, CHUNK)
        elif action == "join":
            with compressing(sys.stdout.buffer) as target:
                join(sys.stdin.buffer, target)
                target.write(END)
        else:
            with decompressing(sys.stdin.buffer) as source:
                shutil.copyfileobj(source, sys.stdout.buffer, CHUNK)
        sys.stdout.buffer.flush()
    except (OSError, BackupError, *DAMAGED) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
