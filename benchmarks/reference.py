"""What an administrator would do without us: `curl` to nginx, then `tar --zstd -xf` and `sync`."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reference:
    """Seconds spent: sending, making that durable, unpacking durably."""

    upload: float
    sync: float
    unpack: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.upload + self.sync + self.unpack


def pack(tree: Path, tarball: Path) -> None:
    """The tree as a tar compressed with zstd's defaults; made once."""
    if not tarball.exists():
        part = tarball.with_suffix(".part")
        subprocess.run(["tar", "-C", str(tree), "-I", "zstd -T0", "-cf", str(part), "."], check=True)
        part.rename(tarball)


def measure(tarball: Path, dav_port: int, received: Path, destination: Path) -> Reference:
    """Send the tarball to nginx, which stores it in `received`, and unpack it in `destination`, durably."""
    destination.mkdir()
    begun = time.monotonic()
    url = f"http://127.0.0.1:{dav_port}/{tarball.name}"
    subprocess.run(["curl", "--silent", "--fail", "--upload-file", str(tarball), url], check=True)
    sent = time.monotonic()
    subprocess.run(["sync", "-f", str(received)], check=True)
    durable = time.monotonic()
    subprocess.run(["tar", "--zstd", "-xf", str(received / tarball.name), "-C", str(destination)], check=True)
    subprocess.run(["sync", "-f", str(destination)], check=True)
    return Reference(sent - begun, durable - sent, time.monotonic() - durable)
