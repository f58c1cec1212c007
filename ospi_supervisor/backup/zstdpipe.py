"""zstd as a program of its own, for machines that have none: `python -m ospi_supervisor.backup.zstdpipe compress`.

A program, so that it has its own priority and runs beside tar; what it writes is what the standard `zstd` reads.
"""

import shutil
import sys

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


def main(action: str) -> None:
    """`compress` or `decompress` standard input to standard output; exit 1 with one line where that fails."""
    try:
        if action == "compress":
            with zstd.ZstdFile(sys.stdout.buffer, "wb", options=OPTIONS) as target:
                shutil.copyfileobj(sys.stdin.buffer, target, CHUNK)
        else:
            with zstd.ZstdFile(sys.stdin.buffer) as source:
                shutil.copyfileobj(source, sys.stdout.buffer, CHUNK)
        sys.stdout.buffer.flush()
    except (OSError, EOFError, zstd.ZstdError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
