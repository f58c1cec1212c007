"""HTTP to the vendor's repository: the hospital's proxy and authority, time-outs, and no patience for trickles.

One connection a request, made with urllib3's own connection classes, under a watch from its first byte.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url, make_headers, parse_url

from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.feed.failures import connection_failure, slow
from ospi_supervisor.system.deadlines import Limits, Watch, WatchedHTTP, WatchedHTTPS

CHUNK = 65_536
_NETWORK_ERRORS = (HTTPError, HTTPException, OSError)


class Reply:
    """An answer whose body is still to be read, once, as it comes."""

    def __init__(self, response: BaseHTTPResponse, exchange: "_Exchange") -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response, self._exchange = response, exchange

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_page(self) -> bool:
        """Whether it says that it is for people to read: a repository holds nothing of the kind, portals do."""
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        return kind.strip().lower() in ("text/html", "application/xhtml+xml")

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces, each as soon as it arrives (`stream()` would wait for a full one); FeedError."""
        while True:
            with self._exchange.converted():
                chunk = self._response.read1(CHUNK, decode_content=False)
            if not chunk:
                return
            self._exchange.watch.received += len(chunk)
            yield chunk


class Transport:
    """How this server reaches the Internet."""

    def __init__(
        self,
        *,
        proxy: str | None = None,
        proxy_password_file: Path | None = None,
        ca_bundle: Path | None = None,
        account: str | None = None,
        account_password_file: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`account` is the hospital's at the vendor's, given to the server over TLS alone.

        ConfigurationError where the proxy, a password or the authorities cannot be used.
        """
        self.limits = limits or Limits()
        self.proxy = _parse_proxy(proxy) if proxy else None
        self.proxy_headers = _proxy_headers(self.proxy, proxy_password_file)
        self._ca_bundle = ca_bundle
        if ca_bundle:
            _ = self.tls
        self._account_headers = _account_headers(account, account_password_file)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Whom the other side's certificate must come from: the system's authorities take a while to load."""
        return _tls_context(self._ca_bundle)

    @contextmanager
    def get(
        self, url: str, headers: Mapping[str, str] | None = None, *, deadline: float | None = None
    ) -> Iterator[Reply]:
        """GET `url`; redirections are not followed. `deadline` is an instant of `time.monotonic`.

        FeedError where the connection fails, is cut or is too slow, be it while the reply is read.
        """
        target = parse_url(url)
        with Watch(self.limits, deadline) as watch:
            exchange = _Exchange(target.host or "", self.proxy.host if self.proxy else None, watch)
            connection = self._connection(target, watch)
            try:
                with exchange.converted():
                    response = self._send(connection, target, headers or {})
                with closing(response):  # it may hold the socket alone: a reply that ends with the connection does
                    yield Reply(response, exchange)
            finally:
                connection.close()

    def _connection(self, target: Url, watch: Watch) -> HTTPConnection:
        via = self.proxy or target
        port = via.port or (443 if via.scheme == "https" else 80)
        connection: WatchedHTTP | WatchedHTTPS
        if target.scheme == "https":
            connection = WatchedHTTPS(via.host or "", port, timeout=self.limits.connect, ssl_context=self.tls)
            if self.proxy:
                connection.set_tunnel(target.host or "", target.port or 443, self.proxy_headers)
        else:
            connection = WatchedHTTP(via.host or "", port, timeout=self.limits.connect)
        connection.watch = watch
        return connection

    def _send(self, connection: HTTPConnection, target: Url, headers: Mapping[str, str]) -> BaseHTTPResponse:
        connection.connect()
        connection.timeout = self.limits.silence  # urllib3 gives it to the socket again at each step
        wanted = {"Accept-Encoding": "identity", "User-Agent": "ospi-supervisor", **headers}
        if target.scheme == "https":
            wanted |= self._account_headers
        plain_proxy = self.proxy is not None and target.scheme != "https"
        if plain_proxy:
            wanted |= self.proxy_headers
        connection.request(
            "GET", target.url if plain_proxy else target.request_uri, headers=wanted, preload_content=False
        )
        return connection.getresponse()


@dataclass(frozen=True)
class _Exchange:
    """One request under way: whom it is with, and what its errors are called."""

    host: str
    proxy: str | None
    watch: Watch

    @contextmanager
    def converted(self) -> Iterator[None]:
        """Errors of the network, and of it alone, become FeedError: the one place where that happens."""
        try:
            yield
        except _NETWORK_ERRORS as error:
            raise (
                slow(self.host) if self.watch.has_cut else connection_failure(error, self.host, self.proxy)
            ) from error
        if self.watch.has_cut:  # where the length was not announced, a cut looks like the end
            raise slow(self.host)


def _parse_proxy(text: str) -> Url:
    try:
        url = parse_url(text)
    except LocationParseError:
        url = Url()
    if url.scheme != "http" or not url.host:
        raise ConfigurationError("« proxy » doit être de la forme http://HÔTE:PORT ou http://COMPTE@HÔTE:PORT")
    if url.auth and ":" in url.auth:
        raise ConfigurationError("« proxy » ne doit pas contenir de mot de passe : utilisez « proxy_password_file »")
    return url


def _proxy_headers(proxy: Url | None, password_file: Path | None) -> dict[str, str]:
    if proxy is None or proxy.auth is None:
        return {}
    password = _password(password_file, "proxy_password_file")
    with _sendable("du proxy"):
        return make_headers(proxy_basic_auth=f"{unquote(proxy.auth)}:{password}")


def _account_headers(account: str | None, password_file: Path | None) -> dict[str, str]:
    if account is None:
        return {}
    password = _password(password_file, "account_password_file")
    with _sendable("chez l'éditeur"):
        return make_headers(basic_auth=f"{account}:{password}")


def _password(file: Path | None, key: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except OSError as error:
        raise ConfigurationError(f"« {key} » illisible ({error.strerror})") from error
    except UnicodeDecodeError:  # not told from where: it holds a piece of the password, as the next one does
        raise ConfigurationError(f"« {key} » n'est pas en UTF-8 ; enregistrez-le ainsi") from None


@contextmanager
def _sendable(whose: str) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"le compte ou le mot de passe {whose} contient un caractère qui ne peut pas lui être envoyé (« € » par"
            " exemple) ; choisissez-en sans un tel caractère"
        ) from None


def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:
        raise ConfigurationError(f"« ca_bundle » inutilisable ({error}) ; attendu des certificats PEM") from error
