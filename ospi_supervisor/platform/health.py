"""What the platform answers: to us on its health address, and to its users on its public address."""

import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urljoin, urlsplit

import msgspec
from urllib3 import BaseHTTPResponse, exceptions
from urllib3.util import parse_url

from ospi_supervisor.config.tables import PlatformTable
from ospi_supervisor.domain.versions import is_same
from ospi_supervisor.errors import PlatformError, RefusedError
from ospi_supervisor.system.deadlines import Limits, Watch, WatchedHTTP, WatchedHTTPS

VERSION_HEADER = "X-OSPI-Version"
MAINTENANCE_HEADER = "X-OSPI-Maintenance"
MAX_ANSWER_BYTES = 1 << 16
MAX_REDIRECTS = 5
ANSWER_SECONDS = 10.0
"""An answer is there in whole within this, its redirects included, or is none: some servers send for ever."""
LEAST_ANSWER_SECONDS = 1.0
"""What the last question of a wait is given, however little is left of it."""
FIRST_POLL_SECONDS = 0.02
LAST_POLL_SECONDS = 1.0
SILENCE_SECONDS = 10.0
"""What stops may still answer for so long after its service is stopped."""
SETTLED_SECONDS = 0.2
"""A platform that is well is looked at once more after so long: some services answer once and die."""

_LIMITS = Limits(connect=3.0, silence=ANSWER_SECONDS, window=ANSWER_SECONDS, rate=0)
_HEADERS = {"Connection": "close", "Cache-Control": "no-cache", "User-Agent": "superviseur-ospi"}
_PORTS = {"http": 80, "https": 443}
_NETWORK_ERRORS = (exceptions.HTTPError, HTTPException, OSError)


@dataclass(frozen=True)
class HealthFacts:
    """What the health address answered. `error` says in words why `ok` is false."""

    ok: bool
    version: str | None
    error: str | None


@dataclass(frozen=True)
class Answer:
    """What an address answered, no redirect followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Health:
    """Asks the platform over HTTP, directly: no proxy is taken from the environment, no answer from a cache."""

    def __init__(self, platform: PlatformTable) -> None:
        self._platform = platform

    def check(self, expected_version: str | None, patience: float = ANSWER_SECONDS) -> HealthFacts:
        """Whether the health address answers 200 with a version, and with `expected_version` where one is given; and
        does so within `patience` seconds.

        The version is the key `version` of the JSON object answered, or the header X-OSPI-Version.
        """
        url = self._platform.health_url
        try:
            with self._get(url, time.monotonic() + patience) as response:
                body = response.read(MAX_ANSWER_BYTES)
        except _NETWORK_ERRORS as error:
            return HealthFacts(False, None, f"{url} ne répond pas : {_words(error)}")
        if response.status != 200:
            return HealthFacts(False, None, f"{url} répond {response.status} au lieu de 200")
        version = response.headers.get(VERSION_HEADER) or _version_in(body)
        if version is None:
            return HealthFacts(False, None, f"{url} ne donne pas sa version (clé « version » d'un objet JSON)")
        if expected_version is not None and not _same_version(version, expected_version):
            return HealthFacts(False, version, f"{url} annonce la version {version} au lieu de {expected_version}")
        return HealthFacts(True, version, None)

    def answer(self, url: str) -> Answer:
        """What another address of this server answers; PlatformError where that is nothing."""
        try:
            with self._get(url, time.monotonic() + ANSWER_SECONDS) as response:
                return Answer(response.status, response.headers, response.read(MAX_ANSWER_BYTES))
        except _NETWORK_ERRORS as error:
            raise PlatformError(f"{url} ne répond pas : {_words(error)}") from error

    def wait(self, expected_version: str | None, deadline: float, beat: Callable[[], None]) -> None:
        """Ask until the platform is well, twice, for `deadline` seconds at most; PlatformError with its last answer.

        That one may come a second or so later. Users are waiting meanwhile: the first questions follow each other
        closely. `beat` is called before each.
        """
        end = time.monotonic() + deadline
        pause = FIRST_POLL_SECONDS
        while True:
            beat()
            facts = self.check(expected_version, _patience(end))
            if facts.ok:
                time.sleep(SETTLED_SECONDS)
                facts = self.check(expected_version, _patience(end))
            if facts.ok:
                return
            if time.monotonic() + pause > end:
                raise PlatformError(
                    f"la plateforme n'est pas en état de marche après {deadline:g} secondes : {facts.error}"
                )
            time.sleep(pause)
            pause = min(pause * 1.2, LAST_POLL_SECONDS)

    def wait_for_silence(self, patience: float = SILENCE_SECONDS) -> None:
        """Wait until nothing well answers on the health address any more; PlatformError where it still does after
        `patience` seconds: then something of the platform runs that is none of its services, or that they lie about.
        """
        deadline = time.monotonic() + patience
        while self.check(None, LEAST_ANSWER_SECONDS).ok:
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"{self._platform.health_url} répond encore alors que les services sont arrêtés : un service manque"
                    " dans platform.services, ou sa commande « status » se trompe ; complétez la configuration"
                )
            time.sleep(FIRST_POLL_SECONDS)

    def public(self) -> str:
        """What a user gets at the public address: "platform", "maintenance", or the words of an error.

        Redirects are followed on the same host only: one to another (a sign-in server) is an answer already.
        """
        url = self._platform.public_url
        end = time.monotonic() + ANSWER_SECONDS
        try:
            for _ in range(MAX_REDIRECTS):
                with self._get(_never_cached(url), end) as response:
                    pass  # the status and the headers tell all
                target = urljoin(url, response.headers.get("Location", ""))
                if response.status not in (301, 302, 303, 307, 308) or not _same_host(url, target):
                    return _seen(url, response)
                url = target
        except _NETWORK_ERRORS as error:
            return f"{url} ne répond pas : {_words(error)}"
        return f"{self._platform.public_url} renvoie sans fin d'une adresse à l'autre"

    @contextmanager
    def _get(self, url: str, end: float) -> Iterator[BaseHTTPResponse]:
        """The answer of `url`, to be read in the block: one of `_NETWORK_ERRORS` where it is not there at `end`."""
        with Watch(_LIMITS, end) as watch, closing(self._connection(url)) as connection:
            connection.watch = watch
            try:
                connection.connect()
                connection.sock.settimeout(_LIMITS.silence)
                connection.request("GET", parse_url(url).request_uri, headers=_HEADERS, preload_content=False)
                with closing(connection.getresponse()) as response:
                    yield response
            except _NETWORK_ERRORS as error:
                if watch.has_cut:
                    raise TimeoutError from error
                raise
            if watch.has_cut:  # where the length was not announced, a cut looks like the end
                raise TimeoutError

    def _connection(self, url: str) -> WatchedHTTP | WatchedHTTPS:
        target = parse_url(url)
        if target.scheme not in _PORTS:
            raise exceptions.URLSchemeUnknown(str(target.scheme))
        host, port = target.host or "", target.port or _PORTS[target.scheme]
        if target.scheme == "http":
            return WatchedHTTP(host, port, timeout=_LIMITS.connect)
        authorities = self._platform.ca_bundle
        return WatchedHTTPS(host, port, timeout=_LIMITS.connect, ca_certs=str(authorities) if authorities else None)


def _patience(end: float) -> float:
    return min(ANSWER_SECONDS, max(LEAST_ANSWER_SECONDS, end - time.monotonic()))


def _seen(url: str, response: BaseHTTPResponse) -> str:
    if response.status == 503 and response.headers.get(MAINTENANCE_HEADER) == "1":
        return "maintenance"
    if response.status < 400 or response.status in (401, 403):
        return "platform"
    return f"{url} répond {response.status}"


def _version_in(body: bytes) -> str | None:
    """The version that a JSON object names, or None for anything else."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    version = document.get("version") if isinstance(document, dict) else None
    return version if isinstance(version, str) and version else None


def _same_version(answered: str, expected: str) -> bool:
    try:
        return is_same(answered, expected)
    except RefusedError:
        return False  # what the platform answered names no version


def _never_cached(url: str) -> str:
    """The address with a parameter that no cache on the way has seen."""
    return f"{url}{'&' if urlsplit(url).query else '?'}superviseur={secrets.token_hex(8)}"


def _same_host(url: str, target: str) -> bool:
    return urlsplit(url).hostname == urlsplit(target).hostname


def _words(error: Exception) -> str:
    """The heart of the network's message, without the connection and the object that lead it."""
    if isinstance(error, exceptions.NameResolutionError):
        return "nom inconnu du serveur de noms"
    if isinstance(error, exceptions.NewConnectionError):  # a TimeoutError by its class, not by its nature
        return f"connexion impossible ({str(error).rsplit(': ', 1)[-1]})"
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return "délai dépassé"
    if isinstance(error, ssl.SSLError | exceptions.SSLError):
        return f"certificat ou TLS refusé ({str(error).strip('()')}) ; voir platform.ca_bundle"
    return str(error).rsplit(": ", 1)[-1]
