"""Somebody who validates: asks for the decision once the release waits behind the closed door."""

from dataclasses import dataclass, field

from ospi_supervisor.domain.requests import Asker, Source
from ospi_supervisor.domain.validation import Verdict
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.operations.requests import Operations

SOMEBODY = Asker("campagne", Source.SHELL)


@dataclass
class Decider:
    """Asks for `verdict` of each update, once."""

    verdict: Verdict
    _asked_of: set[int] = field(default_factory=set)

    def look(self, operations: Operations) -> None:
        """Ask, where a release waits."""
        number = operations.reader.active_update()
        if number is None or number in self._asked_of:
            return
        validation = operations.validation
        try:
            (validation.open if self.verdict is Verdict.OPEN else validation.go_back)(number, SOMEBODY)
        except RefusedError:
            return  # it does not wait yet
        self._asked_of.add(number)
