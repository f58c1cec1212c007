"""The hand that opens `web.db` for root's shell. Arguments: the file, and the account that it belongs to."""

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from ospi_supervisor.errors import StateError
from ospi_supervisor.hands.inside.account import become
from ospi_supervisor.hands.inside.answers import Command, RefusedError, serve
from ospi_supervisor.store.database import ReadOnlyDatabase, sqlite_url
from ospi_supervisor.store.web_models import WEB_FORMAT
from ospi_supervisor.store.web_store import WebStore


def main() -> None:
    """Become that account; then answer."""
    web_db, user, *groups = sys.argv[1:]
    become(int(user), [int(group) for group in groups])
    tempfile.tempdir = os.path.dirname(web_db)  # noqa: PTH120 - of the places that hands see, one that is this account's
    scribe = _Scribe(sqlite_url(Path(web_db)))
    serve({"open": scribe.open, "record_action": scribe.record_action, "integrity": scribe.integrity})


class _Scribe:
    def __init__(self, url: str) -> None:
        self._url = url

    def open(self, _command: Command, _: BinaryIO) -> Iterator[Any]:
        """Whether it can be opened."""
        self._store()
        yield None

    def record_action(self, command: Command, _: BinaryIO) -> Iterator[Any]:
        """One line of the « traçabilité »."""
        store = self._store()
        try:
            at = datetime.fromisoformat(command["at"])
            by, detail, allowed = command["by"], command["detail"], command["allowed"]
            store.record_action(command["action"], actor=by, now=at, detail=detail, allowed=allowed)
        except StateError as error:
            raise RefusedError(str(error)) from error
        yield None

    def integrity(self, _command: Command, _: BinaryIO) -> Iterator[Any]:
        """What SQLite says of the database, line by line."""
        try:
            yield from ReadOnlyDatabase(self._url, WEB_FORMAT).integrity()
        except StateError as error:
            raise RefusedError(str(error)) from error

    def _store(self) -> WebStore:
        try:
            return WebStore(self._url)
        except (StateError, OSError) as error:
            raise RefusedError(str(error)) from error
