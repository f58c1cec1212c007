"""What stands at the demonstration's public address, in the place of nginx: the maintenance gate, then the portal."""

from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.wrappers import Request, Response

from ospi_supervisor.config.tables import MaintenanceTable
from ospi_supervisor.platform.invitations import COOKIE, SECRET

RETRY_AFTER = "10"
ANNOUNCING = {
    "/maintenance/annonce.json": ("annonce.json", "application/json"),
    "/maintenance/annonce.js": ("annonce.js", "text/javascript"),
}
"""What tells of an interruption to come: files, in maintenance or not."""
UNAVAILABLE = """<!doctype html>
<html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Service indisponible</title>
<body style="font: 1.1rem/1.6 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto; padding: 0 1.5rem">
<h1 style="font-size: 1.5rem">La plateforme ne répond pas</h1>
<p>Le portail BI est arrêté ou redémarre. Réessayez dans un instant.</p>
<p><a href="/superviseur/">Superviseur</a></p>
"""


class Gate:
    """Passes requests on to `application`, or answers with the maintenance page while the file `flag` is there."""

    def __init__(self, application: WSGIApplication, flag: Path, page_dir: Path) -> None:
        self._application = application
        self._flag = flag
        self._page_dir = page_dir
        self._invitations = MaintenanceTable(flag=flag, page_dir=page_dir).invitations

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        if (file := ANNOUNCING.get(environ["PATH_INFO"])) is not None:
            return self._file(*file)(environ, start_response)
        if not self._flag.exists() or self._is_invited(Request(environ)):
            return self._application(environ, start_response)
        return self._page(Request(environ))(environ, start_response)

    def _is_invited(self, request: Request) -> bool:
        """Whether the request brings the secret of a validation; nothing else is looked for among the files."""
        secret = request.cookies.get(COOKIE, "")
        return SECRET.match(secret) is not None and (self._invitations / secret).is_file()

    def _page(self, request: Request) -> Response:
        if request.path == "/maintenance/status.json":
            response = self._status()
        else:
            response = Response((self._page_dir / "index.html").read_bytes(), 503, mimetype="text/html")
            response.headers["Retry-After"] = RETRY_AFTER
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-OSPI-Maintenance"] = "1"
        return response

    def _file(self, name: str, kind: str) -> Response:
        try:
            response = Response((self._page_dir / name).read_bytes(), 200, mimetype=kind)
        except FileNotFoundError:
            response = Response("{}", 404, mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response

    def _status(self) -> Response:
        try:
            return Response((self._page_dir / "status.json").read_bytes(), 200, mimetype="application/json")
        except FileNotFoundError:  # the switch by hand writes none
            return Response("{}", 404, mimetype="application/json")


class Portal:
    """The portal behind its proxy; while it does not answer, a short page (503)."""

    def __init__(self, url: str) -> None:
        self._target = {"target": url, "remove_prefix": False, "host": None, "headers": {}, "ssl_context": None}
        # The middleware matches prefixes of at least one name: its `proxy_to` is what proxies a whole site.
        self._proxy = ProxyMiddleware(_nothing_here, {})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        # WSGI hands the path over as Latin-1, and the proxy quotes it as UTF-8.
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        proxied = self._proxy.proxy_to(self._target, path, "/")
        response = Response.from_app(proxied, environ)
        if response.status_code == 502:
            response = Response(UNAVAILABLE, 503, mimetype="text/html")
            response.headers.update({"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"})
        return response(environ, start_response)


def _nothing_here(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return Response(status=404)(environ, start_response)
