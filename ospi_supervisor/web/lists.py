"""Long lists: what the address asks for, a page at a time, and the whole as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain

from flask import request
from werkzeug.wrappers import Response

from ospi_supervisor.web.context import number_in_address

ROWS = 50
"""How many rows a page has."""

SEARCH_MAX = 100


@dataclass(frozen=True)
class Asked:
    """What the address asks of a list: `cherche`, `du` and `au` (days, both included), `avant` (where the page before
    ended); what cannot be meant asks for nothing."""

    words: str
    first_day: date | None
    last_day: date | None
    before: int | None

    @classmethod
    def in_address(cls) -> "Asked":
        """Of the request at work."""
        words = " ".join(request.args.get("cherche", "")[:SEARCH_MAX].split())
        return cls(words, _day("du"), _day("au"), number_in_address("avant"))

    @property
    def since(self) -> datetime | None:
        """The first day's beginning, in the server's time zone."""
        return _midnight(self.first_day)

    @property
    def until(self) -> datetime | None:
        """The last day's end."""
        return _midnight(self.last_day and self.last_day + timedelta(days=1))

    def query(self) -> dict[str, str]:
        """What an address needs to ask the same of another page."""
        found = {"cherche": self.words, "du": self.first_day or "", "au": self.last_day or ""}
        return {name: str(value) for name, value in found.items() if value}


def as_csv(filename: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A table for a spreadsheet (RFC 4180), sent as it is read."""
    lines = chain([columns], ([_cell(value) for value in row] for row in rows))
    response = Response(map(_csv_line, lines), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    """A spreadsheet takes for a formula what begins so: it is quoted."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if 1970 < found.year < 9000 else None  # others have no instant in every zone


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day).astimezone()
