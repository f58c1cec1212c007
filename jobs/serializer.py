"""Tasks as JSON: whoever can write to the queue's file must not be able to run code in the worker."""

import json
from datetime import datetime
from typing import Any

from huey.registry import Message
from huey.serializer import Serializer

_INSTANTS = ("eta", "expires", "expires_resolved")
_CHAINED = ("on_complete", "on_error", "chord_config")


class JSONSerializer(Serializer):  # type: ignore[misc]  # huey has no types
    """Huey's messages as JSON: every field that a single task can have. Tasks of ours are never chained."""

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message) or any(getattr(data, name) is not None for name in _CHAINED):
            raise TypeError(f"only single tasks are carried by this queue, not {data!r}")
        return json.dumps(data._asdict(), default=_encode, separators=(",", ":")).encode()

    def _deserialize(self, data: bytes) -> Message:
        fields = json.loads(data)
        for name in _INSTANTS:
            if isinstance(fields[name], str):
                fields[name] = datetime.fromisoformat(fields[name])
        return Message(**fields)


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be carried by this queue")
