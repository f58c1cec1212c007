"""The validation behind the closed door, as the pages and the shell ask about it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from ospi_supervisor.domain.requests import Asked, Asker, GoBack, Open, Source
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.platform.invitations import FRAGMENT, secret_in
from ospi_supervisor.store.engine_documents import UpdateDocument
from ospi_supervisor.store.engine_reader import EngineReader


class Validation:
    """The link, and both decisions; the worker judges them anew."""

    def __init__(self, config: Config, reader: EngineReader, ask: Callable[[Asked, str, Source], int]) -> None:
        self._folder: Path = config.maintenance.invitations
        self._platform = config.platform.public_url
        self._reader = reader
        self._ask = ask

    def link(self) -> str | None:
        """The address that leads past the maintenance page; None where there is no link, or this account may not see
        it. It is a secret: it stands in no log, and is shown only to who has just proven who they are."""
        secret = secret_in(self._folder)
        address = urlsplit(self._platform)
        return None if secret is None else f"{address.scheme}://{address.netloc}/{FRAGMENT}{secret}"

    def open(self, update_id: int, asker: Asker) -> int:
        """Ask that the new release be opened to all; the request's number. RefusedError where it does not wait."""
        self.waiting(update_id)
        return self._ask(Open(update_id=update_id), asker.name, asker.source)

    def go_back(self, update_id: int, asker: Asker) -> int:
        """Ask that the old release come back; the request's number. RefusedError where the new one does not wait."""
        self.waiting(update_id)
        return self._ask(GoBack(update_id=update_id), asker.name, asker.source)

    def waiting(self, update_id: int) -> UpdateDocument:
        """The update of that number, which waits for a decision, or for what was decided; RefusedError."""
        update = self._reader.update(update_id)
        if update is None or not waits(update):
            raise RefusedError(f"la mise à jour n° {update_id} n'attend pas de décision", code="not_waiting")
        return update


def waits(update: UpdateDocument) -> bool:
    """Whether the release waits behind the closed door."""
    doing = any(step["name"] == Phase.VALIDATE and step["status"] == PhaseStatus.DOING for step in update["phases"])
    return doing and not update["failed_phase"]
