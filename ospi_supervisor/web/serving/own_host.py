"""The supervisor under its own host name: nothing of it is served under another, where others' scripts reach it."""

from typing import Any
from urllib.parse import quote, urlsplit
from wsgiref.types import WSGIEnvironment

PROGRAMS = ("/sante", "/metrics")
"""What programs ask this process itself, by whatever name: neither gives or takes a cookie."""

_PATH, _QUERY = "/:@!$&'()*+,;=~", "/:@!$&'()*+,;=~?%[]"  # what stands for itself in an address


class OwnHost:
    """Serves `inside`, which has the supervisor at `prefix`, under the host of the origin `public_url`, and `outside`
    under any other name. There, pages of the supervisor lead to its own, and what is sent is refused."""

    def __init__(self, inside: Any, outside: Any, public_url: str, prefix: str) -> None:
        self._inside, self._outside, self._prefix = inside, outside, prefix
        parts = urlsplit(public_url)
        self._origin, self._host = f"{parts.scheme}://{parts.netloc}", parts.netloc.lower()

    def __call__(self, environ: WSGIEnvironment, start_response: Any) -> Any:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if environ.get("HTTP_HOST", "").lower() == self._host:
            return (
                self._lead(start_response, f"{self._prefix}/") if path == "/" else self._inside(environ, start_response)
            )
        if path in [self._prefix + program for program in PROGRAMS]:
            return self._inside(environ, start_response)
        if path != self._prefix and not path.startswith(f"{self._prefix}/"):
            return self._outside(environ, start_response)
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._lead(start_response, _address(environ))
        words = f"le Superviseur est servi par {self._origin} seulement ; envoyez-y cette demande\n"
        start_response("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [words.encode()]

    def _lead(self, start_response: Any, address: str) -> list[bytes]:
        headers = [("Location", self._origin + address), ("Cache-Control", "no-store"), ("Content-Length", "0")]
        start_response("302 Found", headers)
        return []


def _address(environ: WSGIEnvironment) -> str:
    """What was asked for, without its origin; WSGI hands bytes over as Latin-1."""
    path = quote(environ["PATH_INFO"].encode("latin-1"), safe=_PATH)
    query = quote(environ.get("QUERY_STRING", "").encode("latin-1"), safe=_QUERY)
    return f"{path}?{query}" if query else path
