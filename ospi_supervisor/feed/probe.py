"""The way to the vendor's repository, link by link: how long each takes, or what is wrong and what to do about it."""

import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import BadStatusLine
from pathlib import Path

from cryptography import x509
from urllib3.util import Url, parse_url

from ospi_supervisor.domain.offers import CALL_SUPPORT
from ospi_supervisor.errors import FeedError, in_words
from ospi_supervisor.feed.catalogue import Catalogue, check
from ospi_supervisor.feed.failures import connection_failure, slow, status_failure
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.deadlines import Watch

logger = logging.getLogger(__name__)

_HEAD_LIMIT = 65_536


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link of the connection. `seconds` is None where it was not tested, `detail` what was found.

    `name` is a stable word: name, tcp, proxy, tls, http, metadata. `later` is whether what is wrong may pass.
    """

    name: str
    label: str
    seconds: float | None = None
    detail: str = ""
    error: str = ""
    remedy: str = ""
    later: bool = False


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Every link, in order, and what the repository offers where all of them hold."""

    links: tuple[Link, ...]
    catalogue: Catalogue | None


def probe(transport: Transport, repository: str, state: Path, trusted_root: bytes) -> Probe:
    """Test the way to `repository` (arguments as for `check`). Never raises for what is wrong with it.

    What comes after a broken link is not tested.
    """
    with Watch(transport.limits, None) as watch:
        line = _Line(transport, parse_url(repository), watch)
        links = list(_run(line.steps()))
        line.close()
    found: list[Catalogue] = []

    def metadata() -> str:
        catalogue = check(transport, repository, state, trusted_root)
        found.append(catalogue)
        return f"fichiers signés : {len(catalogue.offers)}, valables jusqu'au {catalogue.fresh_until:%d/%m/%Y}"

    rest: list[_Step] = [
        ("http", "Réponse HTTP", lambda: _http(transport, repository)),
        ("metadata", "Informations du dépôt", metadata),
    ]
    links += _run(rest, broken=any(link.error for link in links))
    return Probe(links=tuple(links), catalogue=found[0] if found else None)


_Step = tuple[str, str, Callable[[], str]]


def _run(steps: list[_Step], broken: bool = False) -> Iterator[Link]:
    for name, label, action in steps:
        if broken:
            yield Link(name=name, label=label, detail="non testé")
            continue
        before = time.monotonic()
        try:
            detail = action()
        except FeedError as error:
            broken = True
            seconds = time.monotonic() - before
            yield Link(
                name=name, label=label, seconds=seconds, error=error.problem, remedy=error.remedy, later=error.later
            )
        except Exception as error:  # a link is told as broken, whatever broke it
            broken = True
            logger.exception("%s", label)
            seconds = time.monotonic() - before
            yield Link(name=name, label=label, seconds=seconds, error=in_words(error), remedy=CALL_SUPPORT)
        else:
            yield Link(name=name, label=label, seconds=time.monotonic() - before, detail=detail)


def _http(transport: Transport, repository: str) -> str:
    url = f"{repository}metadata/timestamp.json"
    with transport.get(url) as reply:
        if not reply.is_success:
            raise status_failure(reply.status, parse_url(url).host or url)
        return f"code {reply.status}"


class _Line:
    """A connection made one link at a time."""

    def __init__(self, transport: Transport, target: Url, watch: Watch) -> None:
        self._transport, self._watch = transport, watch
        self._secure = target.scheme == "https"
        self._host, self._port = target.host or "", target.port or (443 if self._secure else 80)
        self._proxy = transport.proxy
        peer = self._proxy or target
        self._peer = ((peer.host or "").strip("[]"), peer.port or (443 if peer.scheme == "https" else 80))
        self._socket = socket.socket()  # none connected yet

    def steps(self) -> list[_Step]:
        """The links in the order of the connection."""
        return [
            ("name", "Résolution du nom", self._guarded(self._resolve)),
            ("tcp", "Connexion TCP", self._guarded(self._connect)),
            ("proxy", "Proxy", self._guarded(self._tunnel)),
            ("tls", "Chiffrement TLS", self._guarded(self._handshake)),
        ]

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _guarded(self, action: Callable[[], str]) -> Callable[[], str]:
        def run() -> str:
            try:
                return action()
            except OSError as error:
                proxy = self._proxy.host if self._proxy else None
                raise (
                    slow(self._host) if self._watch.has_cut else connection_failure(error, self._host, proxy)
                ) from error

        return run

    def _resolve(self) -> str:
        found = socket.getaddrinfo(*self._peer, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
        return f"{self._peer[0]} : {', '.join(addresses)}"

    def _connect(self) -> str:
        self.close()
        self._socket = socket.create_connection(self._peer, self._transport.limits.connect)
        self._watch.guard(self._socket)
        return f"{self._peer[0]}, port {self._peer[1]}"

    def _tunnel(self) -> str:
        if self._proxy is None:
            return "aucun"
        if not self._secure:
            return "transmet chaque requête"
        lines = [f"CONNECT {self._host}:{self._port} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in self._transport.proxy_headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        status = re.match(rb"HTTP/1\.[01] (\d{3})", self._answer())
        if status is None:
            raise connection_failure(BadStatusLine(""), self._host, self._proxy.host)
        if status[1] != b"200":
            raise status_failure(int(status[1]), self._host, through_proxy=True)
        return f"laisse passer vers {self._host}"

    def _answer(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _HEAD_LIMIT:
            chunk = self._socket.recv(1)  # not a byte beyond: what follows belongs to TLS
            if not chunk:
                raise ConnectionResetError
            head += chunk
        return head

    def _handshake(self) -> str:
        if not self._secure:
            return "liaison non chiffrée ; les signatures protègent les mises à jour"
        try:
            tls = self._transport.tls.wrap_socket(self._socket, server_hostname=self._host)
        except ssl.SSLCertVerificationError as error:
            failure = connection_failure(error, self._host)
            raise FeedError(f"{failure.problem} (émis par {self._presented_issuer()})", failure.remedy) from error
        self._socket = tls
        return f"certificat émis par {_issuer(tls.getpeercert(binary_form=True))}"

    def _presented_issuer(self) -> str:
        """Who issued the certificate that was refused, which tells an intercepting proxy; nothing is sent to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            self._connect()
            self._tunnel()
            with context.wrap_socket(self._socket, server_hostname=self._host) as unproven:
                return _issuer(unproven.getpeercert(binary_form=True))
        except (OSError, FeedError):  # the refusal itself is told all the same
            return "un inconnu"


def _issuer(certificate: bytes | None) -> str:
    if certificate is None:
        return "un inconnu"
    try:
        names = x509.load_der_x509_certificate(certificate).issuer
    except (ValueError, x509.InvalidVersion):  # appliances make odd ones, which OpenSSL takes
        return "un inconnu"
    parts = [*names.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]
    parts += names.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return ", ".join(str(part.value) for part in parts) or names.rfc4514_string()
