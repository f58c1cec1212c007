"""The hand's side of a conversation: one JSON line asks, JSON lines answer, an object is the last of them."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

Command = dict[str, Any]
"""One JSON line of the conversation, as it came: what it says is looked at by whoever does it."""
Operation = Callable[[Command, BinaryIO], Iterator[Any]]
"""What is asked for, from its arguments and from the bytes that may follow them; each value that it yields is a line
of the answer. None tells only that it is alive."""

REFUSED = "refused"
_encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class RefusedError(Exception):
    """What the hand will not do, in the administrator's words."""


def alive() -> None:
    """Tell that a long work goes on."""
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def serve(operations: Mapping[str, Operation]) -> None:
    """Answer until standard input ends. Errors of the system are answers too; another ends the hand."""
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while line := asked.readline():
        command = json.loads(line)
        try:
            for value in operations[command["do"]](command, asked):
                if value is None:
                    alive()
                else:
                    told.write(_encoded(value).encode() + b"\n")
            last: Command = {}
        except OSError as error:
            last = {"errno": error.errno, "reason": str(error), "file": os.fsdecode(error.filename or b"")}
        except RefusedError as error:
            last = {REFUSED: str(error)}
        told.write(json.dumps(last).encode() + b"\n")
        told.flush()
