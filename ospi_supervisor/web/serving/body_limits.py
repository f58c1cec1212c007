"""How large a request's body may be, decided from its head, before waitress keeps any of it.

waitress receives a whole body, in memory or on disk, before it calls the application: with one limit for all, the
plain form's 64 MiB would be open to anybody. So the limit depends on who sends, told by the signed cookie alone,
and what goes beyond is received but not kept: the client gets the page that says so, rather than a cut connection.
"""

import copy
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from flask import Flask
from itsdangerous import BadSignature
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import FixedStreamReceiver
from werkzeug.http import parse_cookie

from ospi_supervisor.domain.limits import SLICE_MAX_BYTES
from ospi_supervisor.system.connections import TimedChannel
from ospi_supervisor.web.serving.method_override import HEADER, meant_method
from ospi_supervisor.web.serving.slices import SliceChannel, SliceReceiver

ANYBODY_MAX_BYTES = 64 * 1024
"""More than any form of the pages takes, the archive's aside."""

MAY_UPLOAD = "may_upload"
"""In the session of an administrator, who alone may send more."""

TOO_LARGE_HEADER = "X_OSPI_BODY_DROPPED"
"""Set for the application when the body was not kept; a client that sets it only gets a refusal."""


@dataclass(frozen=True)
class Admission:
    """What a request may bring, in bytes, and whether its cookie is one that a sign-in left."""

    max_bytes: int
    is_known: bool


Limit = Callable[[str, str], Admission]


class _Nothing(OverflowableBuffer):
    """A buffer that keeps nothing."""

    def append(self, s: bytes) -> None:
        """Drop the data."""


def channel_class(limit: Limit) -> type[HTTPChannel]:
    """waitress' channel, with bodies limited by `limit(path, cookie header)`, and nobody awaited for long."""

    free: list[mmap] = []

    class LimitedParser(HTTPRequestParser):
        path: str  # set by waitress; the published types know none of these three as they are
        command: str  # type: ignore[assignment]
        headers: MutableMapping[str, str]
        is_known = False

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            admission = limit(self.path, self.headers.get("COOKIE", ""))
            self.is_known, allowed = admission.is_known, admission.max_bytes
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

    class LimitedChannel(TimedChannel, SliceChannel):
        parser_class = LimitedParser

    return LimitedChannel


def limit_for(app: Flask, form_max_bytes: int) -> Limit:
    """The limits of our addresses for whoever holds a cookie that `app` signed at a sign-in; little for the rest."""
    prefix = app.config["APPLICATION_ROOT"]
    form, uploads = f"{prefix}/mises-a-jour/import", f"{prefix}/mises-a-jour/televersements/"

    def limit(path: str, cookies: str) -> Admission:
        session = _signed_session(app, cookies)
        is_known = "_user_id" in session
        if session.get(MAY_UPLOAD, is_known) and path == form:  # sessions of earlier programs do not say it
            return Admission(form_max_bytes, is_known)
        if session.get(MAY_UPLOAD, is_known) and path.startswith(uploads):
            return Admission(SLICE_MAX_BYTES, is_known)
        return Admission(ANYBODY_MAX_BYTES, is_known)

    return limit


def _signed_session(app: Flask, cookies: str) -> dict[str, Any]:
    """What the cookie holds, where a sign-in left it. That the session still lives is the guard's to say."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # Flask's default
    value = parse_cookie(cookies).get(app.config["SESSION_COOKIE_NAME"], "")
    try:
        return dict(serializer.loads(value))
    except (BadSignature, TypeError, ValueError):
        return {}


def _limited(adjustments: Adjustments, max_bytes: int) -> Adjustments:
    limited = copy.copy(adjustments)
    limited.max_request_body_size = max_bytes
    return limited
