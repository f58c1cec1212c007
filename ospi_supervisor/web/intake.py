"""How large a request's body may be, decided from its head, before waitress keeps any of it.

waitress receives a whole body, in memory or on disk, before it calls the application: with one limit for all, the
plain form's 64 MiB would be open to anybody. So the limit depends on who sends, told by the signed cookie alone,
and what goes beyond is received but not kept: the client gets the page that says so, rather than a cut connection.
"""

import copy
from collections.abc import Callable, MutableMapping
from mmap import mmap

from flask import Flask
from itsdangerous import BadSignature
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import FixedStreamReceiver
from werkzeug.http import parse_cookie

from ospi_supervisor.web.override import HEADER, meant_method
from ospi_supervisor.web.slices import SLICE_MAX_BYTES, SliceChannel, SliceReceiver

ANYBODY_MAX_BYTES = 1024 * 1024
TOO_LARGE_HEADER = "X_OSPI_BODY_DROPPED"
"""Set for the application when the body was not kept; a client that sets it only gets a refusal."""

Limit = Callable[[str, str], int]


class _Nothing(OverflowableBuffer):
    """A buffer that keeps nothing."""

    def append(self, s: bytes) -> None:
        """Drop the data."""


def channel_class(limit: Limit) -> type[HTTPChannel]:
    """waitress' channel, with bodies limited by `limit(path, cookie header)` in bytes."""

    free: list[mmap] = []

    class LimitedParser(HTTPRequestParser):
        path: str  # set by waitress; the published types know none of these three as they are
        command: str  # type: ignore[assignment]
        headers: MutableMapping[str, str]

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            allowed = limit(self.path, self.headers.get("COOKIE", ""))
            if self.content_length > allowed:
                self.body_rcv = FixedStreamReceiver(self.content_length, _Nothing(0))
                self.adj = _limited(self.adj, self.content_length + 1)  # waitress is to take it all
                self.content_length = 0
                self.headers["CONTENT_LENGTH"] = "0"
                self.headers[TOO_LARGE_HEADER] = "1"
            elif self._is_slice(allowed):
                self.body_rcv = SliceReceiver(self.content_length, free)
            elif self.chunked:  # its length is not known yet: waitress itself cuts it at the limit
                self.adj = _limited(self.adj, allowed)

        def _is_slice(self, allowed: int) -> bool:
            of_known_length = isinstance(self.body_rcv, FixedStreamReceiver)
            method = meant_method(self.command, self.headers.get(HEADER))
            return of_known_length and method == "PATCH" and allowed == SLICE_MAX_BYTES

    class LimitedChannel(SliceChannel):
        parser_class = LimitedParser

    return LimitedChannel


def limit_for(app: Flask, form_max_bytes: int) -> Limit:
    """The limits of our addresses for whoever holds a cookie that `app` signed at a sign-in; little for the rest."""
    prefix = app.config["APPLICATION_ROOT"]
    form, uploads = f"{prefix}/mises-a-jour/import", f"{prefix}/mises-a-jour/televersements/"

    def limit(path: str, cookies: str) -> int:
        if path == form and _was_signed_in(app, cookies):
            return form_max_bytes
        if path.startswith(uploads) and _was_signed_in(app, cookies):
            return SLICE_MAX_BYTES
        return ANYBODY_MAX_BYTES

    return limit


def _was_signed_in(app: Flask, cookies: str) -> bool:
    """Whether the cookie is one that a sign-in left. That the session still lives is the guard's to say."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # Flask's default
    value = parse_cookie(cookies).get(app.config["SESSION_COOKIE_NAME"], "")
    try:
        return "_user_id" in serializer.loads(value)
    except BadSignature:
        return False


def _limited(adjustments: Adjustments, max_bytes: int) -> Adjustments:
    limited = copy.copy(adjustments)
    limited.max_request_body_size = max_bytes
    return limited
