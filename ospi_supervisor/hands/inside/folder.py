"""The hand in one folder: root's rights, and nothing else to be seen."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO

from ospi_supervisor.hands.inside.answers import Command, Operation, serve

WALKS = ("scan", "weigh", "sealed", "sealed_at")
CHANGES = ("set_aside", "quarantined", "strip", "set_times", "sync", "read_to_end", "replace_database")


def main() -> None:
    """Answer until nothing more is asked."""
    serve({name: _of("walk", name) for name in WALKS} | {name: _of("changes", name) for name in CHANGES})


def _of(module: str, name: str) -> Operation:
    """That function, its module loaded when it is asked for: a hand that only looks starts in half the time."""

    def operation(command: Command, contents: BinaryIO) -> Iterator[Any]:
        done: Operation = getattr(import_module(f"ospi_supervisor.hands.inside.{module}"), name)
        return done(command, contents)

    return operation
