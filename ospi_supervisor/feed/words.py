"""What went wrong with the connection, in the administrator's words: a problem and its remedy for each kind."""

import re
import socket
import ssl
from http import HTTPStatus
from pathlib import Path

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from ospi_supervisor.domain.offers import CALL_SUPPORT
from ospi_supervisor.errors import FeedError

_FIREWALL = "demandez au service informatique d'ouvrir cet accès dans le pare-feu, ou renseignez le proxy"
_RETRY = "réessayez plus tard ; si cela dure, contactez le support"
_PROXY_PASSWORD = "vérifiez « proxy » et « proxy_password_file » dans la configuration"  # noqa: S105 - key names
_INTERCEPTION = (
    "si un équipement de l'établissement déchiffre le trafic, renseignez son autorité dans « ca_bundle » ;"
    " sinon contactez le support"
)

# OpenSSL's verification codes (openssl-verification-options(1)).
_CERTIFICATE_WORDS = {
    9: ("le certificat de {host} n'est pas encore valable", "vérifiez la date et l'heure de ce serveur"),
    10: ("le certificat de {host} a expiré", "vérifiez la date et l'heure de ce serveur, puis contactez le support"),
    18: ("le certificat de {host} est autosigné", _INTERCEPTION),
    19: ("l'autorité du certificat de {host} est inconnue", _INTERCEPTION),
    20: ("l'autorité du certificat de {host} est inconnue", _INTERCEPTION),
    21: ("l'autorité du certificat de {host} est inconnue", _INTERCEPTION),
    62: ("le certificat présenté n'est pas celui de {host}", _INTERCEPTION),
    64: ("le certificat présenté n'est pas celui de {host}", _INTERCEPTION),
}


def connection_failure(error: BaseException, host: str, proxy: str | None = None) -> FeedError:
    """What `error`, raised on the way to `host`, means. `proxy` is the proxy's host where one is used."""
    peer = proxy or host
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error, host)
    if isinstance(error, NameResolutionError | socket.gaierror):
        return FeedError(f"le nom {peer} est introuvable", "vérifiez les serveurs DNS de cette machine", transient=True)
    tunnel = re.search(r"Tunnel connection failed: (\d+)", str(error))
    if tunnel:
        return status_failure(int(tunnel[1]), host, through_proxy=True)
    if isinstance(error, ConnectionRefusedError) or isinstance(error.__cause__, ConnectionRefusedError):
        return FeedError(f"{peer} refuse la connexion", _FIREWALL, transient=True)
    if isinstance(error, ReadTimeoutError):
        return slow(host)
    if isinstance(error, ConnectTimeoutError | TimeoutError) and not isinstance(error, NewConnectionError):
        return FeedError(f"{peer} ne répond pas dans le délai", _FIREWALL, transient=True)
    if isinstance(error, NewConnectionError):
        return FeedError(f"{peer} est injoignable", "vérifiez le réseau et la passerelle de ce serveur", transient=True)
    return cut(peer)


def cut(host: str) -> FeedError:
    """The connection ended before its time."""
    return FeedError(f"la connexion avec {host} a été coupée", _RETRY, transient=True)


def slow(host: str) -> FeedError:
    """The server sends nothing, or next to nothing (TUF's slow retrieval attack)."""
    return FeedError(f"{host} envoie les données trop lentement", _RETRY, transient=True)


def unwritable(what: str, folder: Path, error: OSError) -> FeedError:
    """The disk refuses what was received."""
    return FeedError(f"{what} dans {folder} ({error.strerror})", "libérez de l'espace sur ce disque, ou agrandissez-le")


def status_failure(status: int, host: str, *, through_proxy: bool = False) -> FeedError:
    """What an HTTP status that is no success means."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return FeedError("le proxy demande un identifiant et un mot de passe justes", _PROXY_PASSWORD)
    if through_proxy:
        return FeedError(
            f"le proxy refuse l'accès à {host} (code {status})", f"demandez au service informatique d'autoriser {host}"
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return FeedError(
            f"{host} refuse l'accès (code {status})", "vérifiez le filtrage web, puis contactez le support"
        )
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return FeedError(f"le fichier n'est plus sur {host} (code {status})", "vérifiez l'adresse du dépôt")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return FeedError(
            f"{host} renvoie vers une autre adresse (code {status})",
            "un portail d'accès à Internet s'interpose peut-être : demandez au service informatique de l'en exempter",
        )
    retry = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    return FeedError(f"{host} ne peut pas répondre (code {status})", _RETRY, transient=retry)


def _tls_failure(error: ssl.SSLError, host: str) -> FeedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _CERTIFICATE_WORDS.get(error.verify_code)
        if known:
            return FeedError(known[0].format(host=host), known[1])
        return FeedError(f"le certificat de {host} est refusé ({error.verify_message})", _INTERCEPTION)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return cut(host)
    return FeedError(
        f"pas de liaison chiffrée possible avec {host} ({getattr(error, 'reason', None) or error})",
        "vérifiez que l'adresse et le port sont ceux d'un serveur HTTPS",
    )


EXPIRED = (
    "les informations du dépôt ont dépassé leur date de validité",
    "vérifiez la date et l'heure de ce serveur ; si elles sont justes, le dépôt est figé : contactez le support",
)
ROLLED_BACK = ("les informations du dépôt sont plus anciennes que celles déjà reçues, ou mélangées", CALL_SUPPORT)
UNSIGNED = ("le dépôt n'est pas signé par les clés de l'éditeur", CALL_SUPPORT)
MISMATCHED = ("les informations du dépôt ne s'accordent pas entre elles", CALL_SUPPORT)
TOO_LONG = ("le dépôt envoie plus de données qu'annoncé", CALL_SUPPORT)
NOT_METADATA = (
    "la réponse n'est pas celle d'un dépôt de mises à jour",
    "vérifiez l'adresse du dépôt et qu'aucun portail d'accès à Internet ne s'interpose",
)
WRONG_CONTENT = ("le fichier reçu n'est pas celui que l'éditeur a signé", CALL_SUPPORT)
