"""Field types of our own: instants in UTC, and JSON documents."""

import json
from datetime import UTC, datetime
from typing import Any

from peewee import TextField


class InstantField(TextField):
    """An instant: an aware datetime in the program, ISO 8601 in UTC with microseconds in the database (it sorts)."""

    def db_value(self, value: datetime | None) -> str | None:
        """The text that is stored; a naive datetime is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def python_value(self, value: str | None) -> datetime | None:
        """The aware datetime that was stored."""
        return None if value is None else datetime.fromisoformat(value)


class JSONField(TextField):
    """A JSON document, stored as compact text."""

    def db_value(self, value: Any) -> str | None:
        """The document's text."""
        # ASCII: a file name may hold bytes that are not UTF-8, which SQLite's text could not keep.
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def python_value(self, value: str | None) -> Any:
        """The document."""
        return None if value is None else json.loads(value)
