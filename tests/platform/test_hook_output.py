"""What a hook prints is kept within bounds, whatever it prints, and read a block at a time."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospi_supervisor.config.redaction import Redactor
from ospi_supervisor.platform.hook_output import (
    HEAD_BYTES,
    MAX_LINE_BYTES,
    TAIL_BYTES,
    HookOutput,
    Kept,
    Sinks,
    cut,
    kept_where,
)
from ospi_supervisor.platform.hooks import run_hook


class Sink:
    """All that one hook said."""

    def __init__(self, kept: Kept = Kept()) -> None:  # noqa: B008 - a value
        self.pieces: list[str] = []
        self.shown: list[str] = []
        self.counted = 0
        self.progress: list[float] = []
        self.sinks = Sinks(
            on_progress=lambda percent, _: self.progress.append(percent),
            on_log=self._on_log,
            on_lines=self._on_lines,
            clean=Redactor(["s3cret"]).clean_lines,
        )
        self.output = HookOutput(self.sinks, kept)

    @property
    def log(self) -> str:
        """What was kept."""
        return "".join(self.pieces)

    def _on_log(self, text: str) -> None:
        self.pieces.append(text)

    def _on_lines(self, lines: Sequence[str], count: int) -> None:
        self.shown += lines
        self.counted += count


@pytest.mark.parametrize(
    ("free", "head", "tail"),
    [(0, 0, 0), (50_000_000, 4_000_000, 1_000_000), (10**12, HEAD_BYTES, TAIL_BYTES)],
)
def test_no_more_is_kept_than_a_tenth_of_what_is_free(free: int, head: int, tail: int) -> None:
    assert kept_where(free) == Kept(head=head, tail=tail)


@given(chunks=st.lists(st.integers(1, 300), min_size=1, max_size=60))
def test_the_head_and_the_tail_are_whole_lines_and_the_rest_is_counted(chunks: list[int]) -> None:
    text = "".join(f"ligne {number:04d}\n" for number in range(800))
    sink = Sink(Kept(head=2000, tail=1000))
    position = 0
    while position < len(text):  # as a pipe gives it: in pieces of any size
        for length in chunks:
            sink.output.feed(text[position : position + length].encode())
            position += length
    sink.output.finish()
    head, _, rest = sink.log.partition("[… ")
    told, _, tail = rest.partition(" non conservées …]\n")
    lost = int(told.split()[0])
    assert text.startswith(head)
    assert text.endswith(tail)
    assert 1900 < len(head) <= 2000
    assert 900 < len(tail) <= 1000
    assert head.count("\n") + lost + tail.count("\n") == 800
    assert sink.counted == 800
    assert sink.shown[-1] == "ligne 0799"


def test_what_fits_is_kept_whole_and_progress_is_told_where_nothing_is_kept() -> None:
    sink = Sink(Kept(head=100, tail=0))
    sink.output.feed(b"un\n@progress 20 a\ndeux\n")
    assert sink.log == "un\ndeux\n"
    sink.output.feed(b"x" * 90 + b"\n" + b"y" * 90 + b"\n@progress 40 b\ntrois")
    sink.output.finish()
    assert sink.progress == [20.0, 40.0]
    assert sink.log == "un\ndeux\n" + "x" * 90 + "\n[… 2 lignes (97 octets) non conservées …]\n"
    assert sink.output.last_words() == " : trois"


@pytest.mark.parametrize("kept", [Kept(), Kept(head=0, tail=10**6), Kept(head=0, tail=0)])
def test_no_secret_leaves_by_any_way(kept: Kept) -> None:
    sink = Sink(kept)
    for _ in range(50):
        sink.output.feed(b"mot s3cret\npassword=autre\nclef: pas ici\nMOT DE PASSE :\n  suite\n")
    sink.output.tick()
    sink.output.finish()
    for text in (sink.log, "\n".join(sink.shown), sink.output.last_words()):
        assert "s3cret" not in text
        assert "autre" not in text
    assert "suite" in sink.shown[-1]  # nothing of one line is taken for a part of another


@given(st.lists(st.sampled_from([b"x" * 3000, b"y" * 20_000, b"\n", b"z\n"]), max_size=12))
def test_long_lines_are_cut_and_nothing_is_lost(parts: list[bytes]) -> None:
    block = b"".join(parts)
    pieces = cut(block)
    assert pieces.replace(b"\n", b"") == block.replace(b"\n", b"")
    assert all(len(line) <= MAX_LINE_BYTES for line in pieces.split(b"\n"))


def test_of_much_progress_the_newest_is_told_and_none_is_log() -> None:
    sink = Sink()
    sink.output.feed(
        b"".join(b"@progress %d x\n" % (number % 101) for number in range(500)) + b"@progress 200 x\nfin\n"
    )
    assert sink.progress == [499 % 101]
    assert sink.log == "@progress 200 x\nfin\n"


def test_a_carriage_return_ends_a_line_of_progress_too() -> None:
    sink = Sink()
    sink.output.feed(b"50 %\r@progress 40 a\r@progress 41 b\r\nx @progress 42\n@progress 43\n@progress44\n")
    assert sink.progress == [40.0, 41.0, 43.0]
    assert sink.log == "50 %\rx @progress 42\n@progress44\n"


BOUND = 3
START_SECONDS = 0.2
"""What it costs to start a hook and to look for what it left, whatever it prints."""

SCRIPTS = {
    "progress": "import sys\nfor n in range(1_000_000): sys.stdout.write(f'@progress {n % 100} pas {n}\\n')",
    "a million lines": "import sys\nfor n in range(1_000_000): sys.stdout.write(f'ligne {n}\\n')",
    "gigabytes": "import os\nblock = (b'x' * 99 + b'\\n') * 10_000\nfor _ in range(300): os.write(1, block)",
    "zeros": "import os\nfor _ in range(300): os.write(1, bytes(1_000_000))",
    "lines and progress": "import os\nblock = ((b'x' * 99 + b'\\n') * 100 + b'@progress 4 x\\n') * 100\n"
    "for _ in range(300): os.write(1, block)",
}
TRIES = 3
KEYS = "import os\nblock = b'ajout de la primary key sur la table des actes\\n' * 20_000\n"
GIGABYTES = {
    **{name: SCRIPTS[name].replace("range(300)", "range(2000)") for name in list(SCRIPTS)[2:]},
    "words near those of secrets": f"{KEYS}for _ in range(2000): os.write(1, block)",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_reading_costs_a_bounded_multiple_of_the_same_hook_into_a_file(name: str, tmp_path: Path) -> None:
    """In processor time, which depends less on what else the machine does; ours and the hook's together. What it does
    besides only adds: the least of some is looked at."""
    kept = Kept(head=1_000_000, tail=1_000_000)
    taken = [compare(SCRIPTS[name], kept, tmp_path) for _ in range(TRIES)]
    assert min(ours for ours, _ in taken) <= BOUND * min(file for _, file in taken) + START_SECONDS


@pytest.mark.full
@pytest.mark.parametrize("name", GIGABYTES)
def test_so_do_two_gigabytes_of_which_as_much_is_kept_as_may_be(name: str, tmp_path: Path) -> None:
    ours, file = compare(GIGABYTES[name], Kept(), tmp_path)
    assert ours <= BOUND * file


def compare(script: str, kept: Kept, folder: Path) -> tuple[float, float]:
    """What a hook of this script takes of the processor, in seconds: run by us, and into a file."""
    hook = folder / "hook"
    hook.write_text(f"#!/usr/bin/env python3\n{script}\n")
    hook.chmod(0o755)
    sink = Sink(kept)

    def into_a_file() -> None:
        clean = {"PATH": os.environ["PATH"]}  # as a hook's: PYTHONUNBUFFERED alone would triple its cost
        with (folder / "printed").open("wb") as file:
            subprocess.run([hook], stdout=file, check=True, env=clean)

    def read_by_us() -> None:
        run_hook(
            hook,
            env={"OSPI_RELEASE_DIR": str(folder)},
            cwd=folder,
            account=None,
            timeout=600,
            sinks=sink.sinks,
            kept=kept,
            beat=lambda: None,
        )

    taken = processor_time(read_by_us), processor_time(into_a_file)
    (folder / "printed").unlink()
    assert len(sink.log) < kept.head + kept.tail + 1_000_000
    return taken


def processor_time(work: Callable[[], None]) -> float:
    """What `work`, and the children that it waits for, take of the processor, in seconds."""
    began = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        time.process_time()
        - began[0]
        + (children.ru_utime + children.ru_stime)
        - (began[1].ru_utime + began[1].ru_stime)
    )
