"""Each request to whoever does it: the engine knows nothing of the way to the vendor, nor of backups by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ospi_supervisor.store.web_rows import RequestRow

Answer = Callable[[RequestRow], None]
"""Judges a request anew, does what it asks for and answers it."""


@dataclass(frozen=True)
class Router:
    """`beside` says by kind who does what the engine does not; `engine` has the rest, and refuses what nobody knows."""

    beside: Mapping[str, Answer]
    engine: Answer

    def answer(self, request: RequestRow) -> None:
        """Pass the request on by its kind alone: what else it says is judged by whoever does it."""
        self.beside.get(request.kind, self.engine)(request)
