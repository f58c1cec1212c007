"""How this supervisor's own commands are typed, in whatever words advise them: an instance is to be named."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PROGRAM = "ospi-supervisor"


@dataclass
class _Ours:
    instance: str = ""


_ours = _Ours()
"""Each process is one supervisor's."""


def speak_as(instance: str) -> None:
    """From now on this process' words are that instance's; empty: of the supervisor that has no name."""
    _ours.instance = instance


@contextmanager
def speaking() -> Iterator[None]:
    """Whoever the block speaks as is forgotten at its end."""
    try:
        yield
    finally:
        speak_as("")


def command_line(words: str) -> str:
    """The command `words` as it is typed on this server, where each instance has a command of its own."""
    return f"{_named()} {words}"


def unit(name: str) -> str:
    """The unit of `web` or `worker` as systemctl takes it."""
    return f"{_named()}-{name}"


def _named() -> str:
    return "-".join(filter(None, (PROGRAM, _ours.instance)))
