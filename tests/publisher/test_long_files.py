"""Of a file too long to be patched, a delta holds what changed, wherever the rest lies in the old one."""

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospi_supervisor.archive.assembly import assembled, encode_records
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.errors import ArchiveError
from tests.publisher.test_delta import Vendor
from tests.support import archives

LIMIT = 1_500_000
"""Stands for the 64 MiB up to which files are patched."""

PEAK = """
import sys
from ospi_supervisor.publisher.cli import main
from tests.archive.hostile_reading import own_peak
main(["delta", *sys.argv[1:]], standalone_mode=False)
print("peak", own_peak())
"""

NOISE = random.Random(11).randbytes(5_000_000)


def edited(data: bytes, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    """`data` in which at each place, from the last to the first, so many bytes were replaced by others."""
    for place, count, new in sorted(edits, reverse=True):
        data = data[:place] + new + data[place + count :]
    return data


OLD = {
    "VERSION": b"11.5.0\n",
    "scattered.bin": NOISE,
    "shifted.bin": NOISE[::-1],
    "model-1.bin": bytes(2_000_000) + NOISE[:3_000_000],
    "shrunk.bin": NOISE[1_000_000:4_000_000],
}
NEW = {
    "VERSION": b"11.6.0\n",
    "scattered.bin": edited(NOISE, [(place, 10, b"un octet x") for place in (7, 1_300_000, 1_310_000, 4_999_990)]),
    "shifted.bin": edited(NOISE[::-1], [(900_000, 0, b"de plus" * 20), (2_500_000, 5_000, b""), (4_100_000, 1, b"")]),
    "model-2.bin": bytes(2_500_000) + NOISE[:2_900_000] + b"fin",
    "shrunk.bin": NOISE[1_000_000:2_700_000],
}


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    """Two releases whose files are long by the limit of these tests, and the delta between them."""
    for module in ("archive.entries", "archive.staging", "publisher.delta"):
        monkeypatch.setattr(f"ospi_supervisor.{module}.MAX_PATCHED", LIMIT)
    vendor = Vendor(tmp_path)
    old = vendor.full("11.5.0", archives.make_tree(tmp_path / "old", OLD))
    vendor.delta(old, vendor.full("11.6.0", archives.make_tree(tmp_path / "new", NEW)))
    return vendor


class CancelledError(Exception):
    """Somebody cancels."""


def test_a_delta_holds_what_changed_and_leads_to_the_new_tree(vendor: Vendor, tmp_path: Path) -> None:
    delta = tmp_path / "delta.ospi"
    installed = vendor.install(tmp_path / "11.5.0.ospi", tmp_path / "installed")

    staged = vendor.install(delta, tmp_path / "staged", installed)

    assert archives.tree_facts(staged.root) == archives.tree_facts(tmp_path / "new")
    assert archives.tree_facts(installed.root) == archives.tree_facts(tmp_path / "old")
    assert delta.stat().st_size < 120_000  # 19 MB of long files
    assembled_files = {path for path, entry in vendor.entries(delta, installed.record).items() if entry.base}
    assert assembled_files == {b"scattered.bin", b"shifted.bin", b"model-2.bin", b"shrunk.bin"}


def test_a_staging_cut_short_is_taken_up_again(vendor: Vendor, tmp_path: Path) -> None:
    installed = vendor.install(tmp_path / "11.5.0.ospi", tmp_path / "installed")
    for cut in (1, 3):
        calls = iter(range(cut))

        def check(calls: Iterable[int] = calls) -> None:
            if next(iter(calls), None) is None:
                raise CancelledError

        with pytest.raises(CancelledError):
            vendor.install(tmp_path / "delta.ospi", tmp_path / "staged", installed, check=check)

    staged = vendor.install(tmp_path / "delta.ospi", tmp_path / "staged", installed)

    assert archives.tree_facts(staged.root) == archives.tree_facts(tmp_path / "new")


def test_a_reader_of_before_asks_for_its_own_update_and_only_where_it_must(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ospi_supervisor.archive.manifest.FORMAT", 1)
    monkeypatch.setattr("ospi_supervisor.domain.manifest.FORMAT", 1)

    with pytest.raises(ArchiveError, match="mettez d'abord Superviseur à jour") as refusal:
        Archive.open(tmp_path / "delta.ospi", vendor.trust, archives.NOW)

    assert refusal.value.code == "unsupported"
    with Archive.open(tmp_path / "11.6.0.ospi", vendor.trust, archives.NOW) as full:
        assert full.manifest.format == Manifest(product="p", version="1").format == 1


@given(
    base=st.binary(min_size=1, max_size=300),
    steps=st.lists(st.tuples(st.binary(max_size=9), st.integers(0, 299), st.integers(1, 300))),
    cut=st.integers(1, 50),
)
def test_records_say_what_was_meant_however_they_are_cut(
    base: bytes, steps: list[tuple[bytes, int, int]], cut: int
) -> None:
    stretches = [(new, range(len(base))[start:][:count]) for new, start, count in steps]
    meant = b"".join(new + base[piece.start : piece.stop] for new, piece in stretches)
    stream = b"".join(encode_records(piece for pair in stretches for piece in pair if piece))

    assert made(base, [stream[at : at + cut] for at in range(0, len(stream), cut)], len(meant)) == meant


def made(base: bytes, records: list[bytes], size: int) -> bytes:
    """What the records make of a file that holds `base`."""
    with tempfile.TemporaryFile() as file:
        file.write(base)
        file.flush()
        return b"".join(assembled("fichier", records, file.fileno(), size))


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (lambda whole: whole[:-3], "incomplet"),
        (lambda whole: whole + b"\0" * 5, "illisible"),
        (lambda whole: whole + whole, "longueur"),
        (lambda whole: next(iter(encode_records([range(3, 2**40)]))), "longueur|dépasse"),
        (lambda whole: b"\0" * 8 + b"\xff" * 16, "dépasse"),
        (lambda whole: b"\xff" * 24, "incomplet"),
    ],
)
def test_records_that_ask_for_what_is_not_there_are_refused(stream: Callable[[bytes], bytes], words: str) -> None:
    whole = b"".join(encode_records([range(4), b"neuf"]))

    with pytest.raises(ArchiveError, match=words):
        made(b"ancien", [stream(whole)], 8)


@pytest.mark.full
def test_a_percent_of_a_long_file_costs_a_percent(tmp_path: Path) -> None:
    """At the whole size of the limit: 400 MB, of which one block in a hundred changed, in the command's own process."""
    vendor, chance = Vendor(tmp_path), random.Random(5)
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with (tmp_path / "old/base.bin").open("wb") as old, (tmp_path / "new/base.bin").open("wb") as new:
        for _ in range(100_000):
            block = chance.randbytes(4096)
            old.write(block)
            new.write(chance.randbytes(4096) if chance.random() < 0.01 else block)
    archived = [vendor.full(version, tmp_path / name) for version, name in (("11.5.0", "old"), ("11.6.0", "new"))]
    delta = tmp_path / "delta.ospi"

    command = [sys.executable, "-c", PEAK, f"--keys={vendor.keys}", *map(str, archived), "-o", str(delta)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=True, stdout=subprocess.PIPE, text=True)

    assert delta.stat().st_size < 0.025 * (tmp_path / "new/base.bin").stat().st_size
    assert int(done.stdout.split()[-1]) * 1024 < 300e6
    staged = vendor.install(delta, tmp_path / "staged", vendor.install(archived[0], tmp_path / "installed"))
    assert archives.tree_facts(staged.root) == archives.tree_facts(tmp_path / "new")
