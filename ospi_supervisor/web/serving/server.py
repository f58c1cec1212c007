"""waitress, with the settings that streams and large uploads ask for."""

import ctypes
import signal
from types import FrameType
from typing import Any, NoReturn
from wsgiref.types import WSGIEnvironment

from flask import Flask
from waitress.server import create_server
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from ospi_supervisor.config.tables import Config
from ospi_supervisor.system.connections import CONNECTIONS_MAX, have_channels
from ospi_supervisor.system.notify import STOPPING, tell_systemd
from ospi_supervisor.web import tus
from ospi_supervisor.web.broadcaster import MAX_STREAMS
from ospi_supervisor.web.context import EXTENSION, Web
from ospi_supervisor.web.serving.body_limits import ANYBODY_MAX_BYTES, channel_class, limit_for
from ospi_supervisor.web.serving.housekeeping import housekeeping
from ospi_supervisor.web.serving.method_override import MethodOverride
from ospi_supervisor.web.serving.own_host import OwnHost
from ospi_supervisor.web.serving.pulse import Pulse

THREADS_BESIDE_STREAMS = 8
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

    def __call__(self, environ: WSGIEnvironment, start_response: Any) -> Any:
        """Answer one request."""
        if environ.get("REMOTE_ADDR") in self._trusted:
            return self._proxied(environ, start_response)
        for name in _FORWARDED:
            environ.pop(name, None)
        return self._plain(environ, start_response)


def mount(app: Flask, config: Config, outside: Any = None) -> TrustedProxies:
    """`app` below the prefix, as a WSGI application. `outside` is what is served beside it: nothing but in the demo.

    With a `public_url` of its own, the supervisor alone is served there, and there alone.
    """
    supervisor, outside = config.supervisor, outside or NotFound()
    mounted: dict[str, Any] = {supervisor.url_prefix: MethodOverride(app, tus.bp.url_prefix or "")}
    if supervisor.public_url is None:
        wsgi: Any = DispatcherMiddleware(outside, mounted)
    else:
        inside = DispatcherMiddleware(NotFound(), mounted)
        wsgi = OwnHost(inside, outside, supervisor.public_url, supervisor.url_prefix)
    return TrustedProxies(wsgi, supervisor.trusted_proxies)


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
        connection_limit=MAX_STREAMS + CONNECTIONS_MAX,
        channel_request_lookahead=1,  # so that a client that left is noticed while its stream is open
        inbuf_overflow=2 * ANYBODY_MAX_BYTES,  # what goes beyond lies on the disk, where nobody unknown writes
        recv_bytes=RECEIVED_AT_ONCE,
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"] + 1,
        clear_untrusted_proxy_headers=False,  # TrustedProxies does it, for any number of proxies
        asyncore_use_poll=True,
    )
    dispatchers[Pulse.KEY] = Pulse()
    have_channels(dispatchers, channel_class(limit_for(app, app.config["MAX_CONTENT_LENGTH"])))

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        tell_systemd(STOPPING)
        web.broadcaster.stop()
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
