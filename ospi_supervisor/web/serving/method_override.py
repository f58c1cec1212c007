"""`X-HTTP-Method-Override` (tus 1.0.0): the method that a client means where something on its way lets only POST pass.

It is put in force before the application sees the request, so that every guard judges the method that is meant.
"""

from typing import Any
from wsgiref.types import WSGIEnvironment

HEADER = "X_HTTP_METHOD_OVERRIDE"
"""As waitress names it; WSGI puts `HTTP_` before."""


def meant_method(command: str, override: str | None) -> str:
    """The method that is meant by a request that came as `command`, with `override` in that header."""
    return override.upper() if override and command == "POST" else command


class MethodOverride:
    """Takes requests of `app` to addresses that begin with `prefix` for what they mean."""

    def __init__(self, app: Any, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: WSGIEnvironment, start_response: Any) -> Any:
        """Answer one request."""
        command = environ["REQUEST_METHOD"]
        if environ["PATH_INFO"].startswith(self._prefix):
            environ["REQUEST_METHOD"] = meant_method(command, environ.get(f"HTTP_{HEADER}"))
        if environ["REQUEST_METHOD"] == "HEAD" and command != "HEAD":
            return self._app(environ, _of_no_length(start_response))
        return self._app(environ, start_response)


def _of_no_length(start_response: Any) -> Any:
    """The answer to a HEAD has no body, and may name its length; one that the client awaits in full may not."""

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        kept = [header for header in headers if header[0].lower() != "content-length"]
        return start_response(status, [*kept, ("Content-Length", "0")], *more)

    return start
