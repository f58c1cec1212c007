"""waitress, with the settings that streams and large uploads ask for."""

import ctypes
import signal
from types import FrameType
from typing import Any, NoReturn

from flask import Flask
from waitress.server import BaseWSGIServer, create_server
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from ospi_supervisor.config import Config
from ospi_supervisor.web import tus
from ospi_supervisor.web.context import EXTENSION, Web
from ospi_supervisor.web.housekeeping import housekeeping
from ospi_supervisor.web.hub import MAX_STREAMS
from ospi_supervisor.web.intake import ANYBODY_MAX_BYTES, channel_class, limit_for
from ospi_supervisor.web.override import MethodOverride

THREADS_BESIDE_STREAMS = 8
CONNECTIONS_BESIDE_STREAMS = 200
M_MMAP_THRESHOLD, LARGE_BYTES = -3, 256 * 1024  # malloc.h
M_ARENA_MAX, ARENAS = -8, 2
RECEIVED_AT_ONCE = LARGE_BYTES // 2
"""Small enough for memory that is used again and again, not asked of the system and cleared each time."""

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")


class TrustedProxies:
    """Believes `X-Forwarded-For` and `-Proto` from the configured addresses, and from nobody else."""

    def __init__(self, app: Any, trusted: tuple[str, ...]) -> None:
        self._plain = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1)
        self._trusted = frozenset(trusted)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""
        if environ.get("REMOTE_ADDR") in self._trusted:
            return self._proxied(environ, start_response)
        for name in _FORWARDED:
            environ.pop(name, None)
        return self._plain(environ, start_response)


def mount(app: Flask, config: Config) -> TrustedProxies:
    """`app` below the prefix, as a WSGI application; nothing is served outside of the prefix."""
    inside = MethodOverride(app, tus.bp.url_prefix or "")
    return TrustedProxies(
        DispatcherMiddleware(NotFound(), {config.supervisor.url_prefix: inside}), config.supervisor.trusted_proxies
    )


def serve(app: Flask, config: Config, wsgi: Any = None) -> None:
    """Serve until SIGTERM or SIGINT, then end within seconds, open streams included.

    `wsgi` is what waitress calls: `mount(app, config)` unless something else stands in front, as in the demo.
    """
    web: Web = app.extensions[EXTENSION]
    _give_large_blocks_back()
    dispatchers: dict[int, Any] = {}
    server = create_server(
        mount(app, config) if wsgi is None else wsgi,
        map=dispatchers,
        listen=config.supervisor.listen,
        ident=None,
        threads=MAX_STREAMS + THREADS_BESIDE_STREAMS,
        connection_limit=MAX_STREAMS + CONNECTIONS_BESIDE_STREAMS,
        channel_request_lookahead=1,  # so that a client that left is noticed while its stream is open
        inbuf_overflow=2 * ANYBODY_MAX_BYTES,  # what goes beyond lies on the disk, where nobody unknown writes
        recv_bytes=RECEIVED_AT_ONCE,
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"] + 1,
        clear_untrusted_proxy_headers=False,  # TrustedProxies does it, for any number of proxies
        asyncore_use_poll=True,
    )
    limited = channel_class(limit_for(app, app.config["MAX_CONTENT_LENGTH"]))
    for dispatcher in dispatchers.values():
        if isinstance(dispatcher, BaseWSGIServer):
            dispatcher.channel_class = limited

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        web.hub.stop()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with housekeeping(web.operations):
        server.run()
    server.close()


def _give_large_blocks_back() -> None:
    """Have glibc return large blocks to the system when they are freed: an archive's header, a password's hash.

    By its defaults it keeps such blocks after the first, in arenas that threads hardly share.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from other C libraries, which do not keep them
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_ARENA_MAX, ARENAS)
