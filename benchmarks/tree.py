"""Two releases of a large application, always the same: the second differs from the first in 4 % of its files.

Sizes and contents imitate what was measured on a real platform: 72,000 files, 3.07 GB, a third of that under zstd;
half of the files are smaller than 6 kB, and a few large ones hold much of the bytes.
"""

import math
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

SEED = 20_240_601
CHANGED = 0.04
POOL_BYTES = 48 << 20
SIZE_LAW = (math.log(6_000), 1.98)
"""The mean and the deviation of the sizes' logarithm: half of the files below 6 kB, 43 kB on average."""

LARGEST = 64 << 20
INCOMPRESSIBLE = 0.08
"""The share of the files that hold images and archives."""


FULL, SMALL = 70_000, 4_000
"""How many files: 3 GB, and 170 MB for a quick look."""


def make_trees(folder: Path, files: int) -> tuple[Path, Path]:
    """The trees of the first and the second release below `folder`; made once, or found complete."""
    first, second = folder / "first", folder / "second"
    if not second.exists():
        for leftover in (first, folder / ".second"):
            shutil.rmtree(leftover, ignore_errors=True)
        maker = _Maker(random.Random(SEED))
        names = maker.write_all(first, files)
        shutil.copytree(first, folder / ".second", copy_function=os.link)
        maker.change_some(folder / ".second", names)
        (folder / ".second").rename(second)
    return first, second


class _Maker:
    """Writes files whose contents are cut from two pools, one of text and one of noise."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._text = _text(chance)
        self._noise = chance.randbytes(POOL_BYTES)

    def write_all(self, root: Path, files: int) -> list[str]:
        """Write the tree; the names of its files, relative to `root`."""
        names = [f"{a:02d}/{b:02d}/file-{n:06d}" for n, (a, b) in zip(range(files), self._folders(), strict=False)]
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._content(min(round(self._chance.lognormvariate(*SIZE_LAW)), LARGEST)))
        return names

    def change_some(self, root: Path, names: list[str]) -> None:
        """Give 4 % of the files another content: half of them edited in their middle, half of them new."""
        for name in self._chance.sample(names, round(len(names) * CHANGED)):
            path = root / name
            data = path.read_bytes()
            middle = len(data) // 2
            edited = data[:middle] + self._content(64) + data[middle:]
            # A new file takes the name: the first release's is a link to the same inode.
            path.unlink()
            path.write_bytes(edited if self._chance.random() < 0.5 else self._content(len(data) + 1))

    def _folders(self) -> Iterator[tuple[int, int]]:
        while True:
            yield self._chance.randrange(40), self._chance.randrange(50)

    def _content(self, length: int) -> bytes:
        pool = self._noise if self._chance.random() < INCOMPRESSIBLE else self._text
        parts, missing = [], length
        while missing > 0:
            start = self._chance.randrange(len(pool) - 1)
            part = pool[start : start + min(missing, self._chance.randrange(2_000, 20_000))]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _text(chance: random.Random) -> bytes:
    """Lines of words, some frequent and most rare, that compress about as source code does."""
    words = ["".join(chance.choices("etaoinshrdlucmfwypvbgk_", k=chance.randrange(2, 12))) for _ in range(8_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    lines = []
    written = 0
    while written < POOL_BYTES:
        line = " ".join(chance.choices(words, weights, k=4_000)).replace("tion", "\n    ")
        lines.append(line)
        written += len(line)
    return "\n".join(lines).encode()
