"""What the platform answers: to us on its health address, and to its users on its public address."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

import msgspec
import urllib3

from ospi_supervisor.config import PlatformTable
from ospi_supervisor.domain.versions import is_same
from ospi_supervisor.errors import PlatformError, RefusedError

VERSION_HEADER = "X-OSPI-Version"
MAINTENANCE_HEADER = "X-OSPI-Maintenance"
MAX_ANSWER_BYTES = 1 << 16
MAX_REDIRECTS = 5
FIRST_POLL_SECONDS = 0.02
LAST_POLL_SECONDS = 1.0
SETTLED_SECONDS = 0.2
"""A platform that is well is looked at once more after so long: some services answer once and die."""

PublicView = Literal["platform", "maintenance"]


@dataclass(frozen=True)
class HealthFacts:
    """What the health address answered. `error` says in words why `ok` is false."""

    ok: bool
    version: str | None
    error: str | None


class Health:
    """Asks the platform over HTTP, directly: no proxy is taken from the environment, no answer from a cache."""

    def __init__(self, platform: PlatformTable) -> None:
        self._platform = platform
        self._pool = urllib3.PoolManager(
            ca_certs=str(platform.ca_bundle) if platform.ca_bundle else None,
            timeout=urllib3.Timeout(connect=3, read=10),
            retries=False,
            headers={"Connection": "close", "Cache-Control": "no-cache", "User-Agent": "superviseur-ospi"},
        )

    def check(self, expected_version: str | None) -> HealthFacts:
        """Whether the health address answers 200 with a version, and with `expected_version` where one is given.

        The version is the key `version` of the JSON object answered, or the header X-OSPI-Version.
        """
        url = self._platform.health_url
        try:
            response = self._get(url)
            body = response.read(MAX_ANSWER_BYTES)
            response.close()
        except urllib3.exceptions.HTTPError as error:
            return HealthFacts(False, None, f"{url} ne répond pas : {_words(error)}")
        if response.status != 200:
            return HealthFacts(False, None, f"{url} répond {response.status} au lieu de 200")
        version = response.headers.get(VERSION_HEADER) or _version_in(body)
        if version is None:
            return HealthFacts(False, None, f"{url} ne donne pas sa version (clé « version » d'un objet JSON)")
        if expected_version is not None and not _same_version(version, expected_version):
            return HealthFacts(False, version, f"{url} annonce la version {version} au lieu de {expected_version}")
        return HealthFacts(True, version, None)

    def wait(self, expected_version: str | None, deadline: float, beat: Callable[[], None]) -> None:
        """Ask until the platform is well, twice, for `deadline` seconds at most; PlatformError with its last answer.

        Users are waiting meanwhile: the first questions follow each other closely. `beat` is called before each.
        """
        end = time.monotonic() + deadline
        pause = FIRST_POLL_SECONDS
        while True:
            beat()
            facts = self.check(expected_version)
            if facts.ok:
                time.sleep(SETTLED_SECONDS)
                facts = self.check(expected_version)
            if facts.ok:
                return
            if time.monotonic() + pause > end:
                raise PlatformError(
                    f"la plateforme n'est pas en état de marche après {deadline:g} secondes : {facts.error}"
                )
            time.sleep(pause)
            pause = min(pause * 1.2, LAST_POLL_SECONDS)

    def public(self) -> str:
        """What a user gets at the public address: "platform", "maintenance", or the words of an error.

        Redirects are followed on the same host only: one to another (a sign-in server) is an answer already.
        """
        url = self._platform.public_url
        try:
            for _ in range(MAX_REDIRECTS):
                response = self._get(_never_cached(url))
                response.close()
                target = urljoin(url, response.headers.get("Location", ""))
                if response.status not in (301, 302, 303, 307, 308) or not _same_host(url, target):
                    return _seen(url, response)
                url = target
        except urllib3.exceptions.HTTPError as error:
            return f"{url} ne répond pas : {_words(error)}"
        return f"{self._platform.public_url} renvoie sans fin d'une adresse à l'autre"

    def _get(self, url: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request("GET", url, redirect=False, preload_content=False)


def _seen(url: str, response: urllib3.BaseHTTPResponse) -> str:
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


def _words(error: urllib3.exceptions.HTTPError) -> str:
    """The heart of urllib3's message, without the pool and the object that lead it."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "nom inconnu du serveur de noms"
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # a TimeoutError by its class, not by its nature
        return f"connexion impossible ({str(error).rsplit(': ', 1)[-1]})"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "délai dépassé"
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"certificat ou TLS refusé ({str(error).strip('()')}) ; voir platform.ca_bundle"
    return str(error).rsplit(": ", 1)[-1]
