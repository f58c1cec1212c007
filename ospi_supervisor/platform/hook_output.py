"""What a hook prints: its progress, its log within bounds, and a glimpse of its newest lines.

Work is done a block at a time, never a line at a time, and what will not be kept is counted, not read: a hook that
prints gigabytes costs little more than if it wrote them to a file.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ospi_supervisor.domain.words import counted, size

MAX_LINE_BYTES = 8192
"""A longer line is cut into pieces of this size."""

HEAD_BYTES = 64 * 1024**2
TAIL_BYTES = 16 * 1024**2
"""What is kept at most of one hook's output: its beginning and its end."""

SHARE_OF_DISK = 10
"""And no more than a tenth of what the log's disk has free: an update needs that disk for its state."""

GLIMPSE_LINES = 20
_GLIMPSE_BYTES = GLIMPSE_LINES * 512
_BLOCK_BYTES = 1 << 16

SMALL_BYTES = 4096
"""The progress of a longer block comes within a millisecond: the newest replaces the rest."""

_MARK = b"@progress"
_BLANK = rb"[^\S\r\n]+"
_PERCENT = rb"100(?:\.0*)?|0?\d{1,2}(?:\.\d*)?"
_LINE = _MARK + _BLANK + rb"(" + _PERCENT + rb")((?:" + _BLANK + rb"[^\r\n]*)?)(?:\r\n?|\n)"
_STEP = re.compile(_LINE)
"""A line of progress, with its end: a carriage return ends one too, as terminals have it."""
_STEPS = re.compile(rb"(?:" + _LINE + rb")++")
"""Such lines one after the other, found at once, for there may be a million; its groups are the last one's."""


@dataclass(frozen=True)
class Kept:
    """How many bytes of a hook's output are kept, of its beginning and of its end."""

    head: int = HEAD_BYTES
    tail: int = TAIL_BYTES


def kept_where(free: int) -> Kept:
    """What is kept on a disk that has `free` bytes free."""
    share = max(0, free) // SHARE_OF_DISK
    tail = min(TAIL_BYTES, share * TAIL_BYTES // (HEAD_BYTES + TAIL_BYTES))
    return Kept(head=min(HEAD_BYTES, share - tail), tail=tail)


@dataclass(frozen=True, kw_only=True)
class Sinks:
    """Where a hook's output goes. Nothing reaches them without having gone through `clean`: it knows secrets that
    their readers may not.

    `on_log` gets whole lines to be kept, several at once. `on_lines` gets the newest lines, and of how many since the
    last time.
    """

    on_progress: Callable[[float, str], None]
    on_log: Callable[[str], None]
    on_lines: Callable[[Sequence[str], int], None]
    clean: Callable[[str], str]


class HookOutput:
    """Takes one hook's output as it comes. `tick` several times a second shows what is new; `finish` ends it."""

    def __init__(self, sinks: Sinks, kept: Kept) -> None:
        self._sinks = sinks
        self._kept = kept
        self._rest = b""
        self._end = b""
        self._unseen = 0
        self._logged = 0
        self._tail: deque[tuple[bytes, int]] = deque()
        self._tail_bytes = 0
        self._lost_lines = self._lost_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        whole = data.rfind(b"\n") + 1
        if not whole:
            data, self._rest = self._rest + data, b""
            data = cut(data) if len(data) > MAX_LINE_BYTES else data
            whole = data.rfind(b"\n") + 1
        block, self._rest = b"".join((self._rest, memoryview(data)[:whole])), data[whole:]
        if b"@" in block:
            block = self._without_progress(block)
        if block:
            self._take(block)

    def tick(self) -> None:
        """Show the newest lines, where there are any that were not shown."""
        if self._unseen:
            lines = self._newest(min(self._unseen, GLIMPSE_LINES))
            self._sinks.on_lines(lines, self._unseen)
            self._unseen = 0

    def finish(self) -> None:
        """The output is at its end: a last line without newline counts. What was left out is told in the log."""
        if self._rest:
            self.feed(b"\n")
        self.tick()
        self._cut_the_tail()
        if self._lost_bytes:
            lost = counted(self._lost_lines, "ligne", "lignes")
            self._sinks.on_log(f"[… {lost} ({size(self._lost_bytes)}) non conservées …]\n")
        for block, _ in self._tail:
            self._log(block)
        self._tail.clear()

    def last_words(self) -> str:
        """The last line that says something, to be put behind a message."""
        lines = [line for line in self._newest(GLIMPSE_LINES) if line.strip()]
        return f" : {lines[-1][:300]}" if lines else ""

    def _without_progress(self, block: bytes) -> bytes:
        """The block's log; its progress is told, of a long block the newest."""
        runs, pieces, end, view = list(_runs(block)), [], 0, memoryview(block)
        for run in runs:
            pieces.append(view[end : run.start()])
            end = run.end()
        steps = runs[-1:]
        if len(block) <= SMALL_BYTES:
            steps = [step for run in runs for step in _STEP.finditer(run[0])]
        for step in steps:
            self._sinks.on_progress(float(step[1]), self._text(step[2].lstrip()))
        return b"".join((*pieces, view[end:])) if pieces else block

    def _take(self, block: bytes) -> None:
        self._end = block[-_GLIMPSE_BYTES:] if len(block) >= _GLIMPSE_BYTES else (self._end + block)[-_GLIMPSE_BYTES:]
        lines = block.count(b"\n")
        self._unseen += lines
        if (room := self._kept.head - self._logged) > 0:
            first = block if len(block) <= room else block[: block.rfind(b"\n", 0, room) + 1]
            self._log(first)
            if len(first) == len(block):
                self._logged += len(first)
                return
            self._logged = self._kept.head  # from here on everything goes to the tail
            block = block[len(first) :]
            lines -= first.count(b"\n")
        self._keep_for_the_end(block, lines)

    def _keep_for_the_end(self, block: bytes, lines: int) -> None:
        """Whole blocks only: the first is cut to measure at the end."""
        if self._tail and len(self._tail[-1][0]) < _BLOCK_BYTES:
            last, already = self._tail.pop()
            self._tail_bytes -= len(last)
            block, lines = last + block, already + lines
        self._tail.append((block, lines))
        self._tail_bytes += len(block)
        while self._tail and self._tail_bytes - len(self._tail[0][0]) >= self._kept.tail:
            self._lose(*self._tail.popleft())

    def _cut_the_tail(self) -> None:
        excess = self._tail_bytes - self._kept.tail
        if excess > 0:
            first, lines = self._tail.popleft()
            start = first.find(b"\n", excess - 1) + 1 or len(first)
            lost = first[:start].count(b"\n")
            self._tail.appendleft((first[start:], lines - lost))
            self._lose(first[:start], lost)

    def _lose(self, block: bytes, lines: int) -> None:
        self._tail_bytes -= len(block)
        self._lost_bytes += len(block)
        self._lost_lines += lines

    def _log(self, block: bytes) -> None:
        if block:
            self._sinks.on_log(self._text(block))

    def _newest(self, count: int) -> list[str]:
        return self._text(self._end).split("\n")[:-1][-count:]

    def _text(self, block: bytes) -> str:
        text = cut(block).decode("utf-8", errors="replace")
        return self._sinks.clean(text.replace("\r\n", "\n") if "\r" in text else text)


def _runs(block: bytes) -> Iterator[re.Match[bytes]]:
    """The lines of progress in whole lines, those that follow each other together: only what follows the mark is
    read."""
    position = block.find(_MARK)
    while position >= 0:
        run = _STEPS.match(block, position) if position == 0 or block[position - 1] in b"\r\n" else None
        if run:
            yield run
        position = block.find(_MARK, run.end() if run else position + 1)


def cut(block: bytes) -> bytes:
    """`block` with a newline wherever a line is longer than `MAX_LINE_BYTES`."""
    pieces, position = [], 0
    while len(block) - position > MAX_LINE_BYTES:
        newline = block.rfind(b"\n", position, position + MAX_LINE_BYTES + 1)
        end = newline + 1 if newline >= 0 else position + MAX_LINE_BYTES
        pieces.append(block[position:end] if newline >= 0 else block[position:end] + b"\n")
        position = end
    return b"".join([*pieces, block[position:]]) if pieces else block
