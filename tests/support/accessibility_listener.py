"""Writes a line of JSON for each event of the accessibility bus. The system's Python runs it: it has the bindings."""

import json
import sys
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402 - the version is chosen first

OBJECT = "\ufffc"
"""Stands in a text for what is no text: a link, a picture, a paragraph."""

KINDS = ("object:text-changed:insert", "object:state-changed:focused", "object:property-change:accessible-name")


def write(line: str) -> None:
    """To whoever started this, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def words(source: Any) -> str:
    """All that is written in it, as a screen reader reads it out."""
    if source is None:  # it is gone already
        return ""
    text = Atspi.Text.get_text(source, 0, -1) if source.is_text() else source.get_name() or ""
    inside = (words(source.get_child_at_index(place)) for place in range(source.get_child_count()))
    return "".join(next(inside, "") + " " if letter == OBJECT else letter for letter in text)


def told(event: Any) -> None:
    """One event: its kind, the words that came, who tells it, and whether that is a live region."""
    try:
        attributes = dict(event.source.get_attributes() or {})
        text = event.any_data if isinstance(event.any_data, str) else ""
        is_live = attributes.get("container-live", "off") != "off" or event.source.get_role_name() == "alert"
        line = {
            "type": event.type,
            "text": words(event.source) if is_live and OBJECT in text else text,
            "role": event.source.get_role_name(),
            "name": event.source.get_name() or "",
            "live": is_live,
        }
    except GLib.Error:  # it is gone already
        return
    if event.type != "object:state-changed:focused" or event.detail1:
        write(json.dumps(line))


listener = Atspi.EventListener.new(told)
for kind in KINDS:
    listener.register(kind)
write("ready")
Atspi.event_main()
