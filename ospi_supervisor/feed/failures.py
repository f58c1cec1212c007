"""What went wrong with the connection, in the administrator's words: a problem and its remedy for each kind."""

import errno
import re
import socket
import ssl
from http import HTTPStatus
from http.client import (
    BadStatusLine,
    HTTPException,
    IncompleteRead,
    LineTooLong,
    RemoteDisconnected,
    UnknownProtocol,
)
from pathlib import Path

from urllib3.exceptions import (
    ConnectTimeoutError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from ospi_supervisor.domain.offers import CALL_SUPPORT
from ospi_supervisor.errors import FeedError, system_words

_FIREWALL = "demandez au service informatique d'ouvrir cet accès dans le pare-feu, ou renseignez le proxy"
_RETRY = "réessayez plus tard ; si cela dure, contactez le support"
_ACCOUNT = (
    "vérifiez « account » et « account_password_file » dans la configuration, et le filtrage web ; sinon contactez le"
    " support"
)
_PROXY_PASSWORD = "vérifiez « proxy » et « proxy_password_file » dans la configuration"  # noqa: S105 - key names
_EXEMPT = "un portail d'accès à Internet s'interpose peut-être : demandez au service informatique de l'en exempter"
_ODD_ANSWER = (
    "vérifiez l'adresse du dépôt, et qu'aucun équipement de l'établissement ne change les demandes ; sinon contactez le"
    " support"
)
_ELSEWHERE = frozenset({300, 301, 302, 303, 305, 307, 308, HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED})
_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
) - {HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED}
"""What passes, most of the time."""

_NOT_A_PROXY = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    }
)
_NO_WAY = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENONET})
_OWN_FAULT = {
    **dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL), CALL_SUPPORT),
    **dict.fromkeys((errno.EPERM, errno.EACCES), "vérifiez le pare-feu local de ce serveur (connexions sortantes)"),
}
_DISK_REMEDIES = {
    errno.ENOSPC: "libérez de l'espace sur ce disque, ou agrandissez-le",
    errno.EDQUOT: "augmentez le quota du service sur ce disque",
    errno.EROFS: "remontez ce disque en écriture, après avoir vérifié son état",
    errno.EIO: "vérifiez l'état de ce disque",
    errno.ESTALE: "remontez ce partage réseau",
    errno.EFBIG: "placez ce dossier sur un disque qui accepte de gros fichiers",
}
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
    23: ("le certificat de {host} est révoqué", _INTERCEPTION),
    24: ("le certificat de {host} est signé par une autorité qui n'en est pas une", _INTERCEPTION),
    26: ("le certificat de {host} est fait pour un autre usage", _INTERCEPTION),
    62: ("le certificat présenté n'est pas celui de {host}", _INTERCEPTION),
    64: ("le certificat présenté n'est pas celui de {host}", _INTERCEPTION),
    66: ("le certificat de {host} a une clé trop courte", _INTERCEPTION),
    67: ("l'autorité du certificat de {host} a une clé trop courte", _INTERCEPTION),
    68: ("le certificat de {host} est signé d'une façon qui n'est plus sûre", _INTERCEPTION),
}

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"})
"""What OpenSSL says where something else than TLS answers."""


def connection_failure(error: BaseException, host: str, proxy: str | None = None) -> FeedError:
    """What `error`, raised on the way to `host`, means. `proxy` is the proxy's host where one is used."""
    peer = proxy or host
    tunnel = re.search(r"Tunnel connection failed: (\d+)", str(error))
    if tunnel:
        return status_failure(int(tunnel[1]), host, through_proxy=True)
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error, host)
    if isinstance(error, NameResolutionError | socket.gaierror):
        return _name_failure(peer, proxy)
    if isinstance(error, ReadTimeoutError):
        return slow(host)
    if isinstance(error, NewConnectionError):
        return _system_failure(error.__cause__, peer, proxy) or _unreachable(peer)
    if isinstance(error, ConnectTimeoutError | TimeoutError):
        return FeedError(f"{peer} ne répond pas dans le délai", _way_out(proxy), transient=True)
    if _is_no_http(error):
        return FeedError(f"ce qui répond pour {peer} n'est pas un serveur HTTP", _not_http(proxy))
    return _system_failure(error, peer, proxy) or cut(peer)


def _name_failure(peer: str, proxy: str | None) -> FeedError:
    remedy = "vérifiez les serveurs DNS de cette machine, ou renseignez le proxy s'il est seul à joindre Internet"
    if proxy is not None:
        remedy = "vérifiez le nom du proxy dans la configuration (« proxy »), puis les serveurs DNS de cette machine"
    return FeedError(f"le nom {peer} est introuvable", remedy, transient=True)


def _system_failure(error: BaseException | None, peer: str, proxy: str | None) -> FeedError | None:
    """What the system itself says of a connection that it could not make; None where it says nothing of the kind."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, ConnectionRefusedError) or number == errno.ECONNREFUSED:
        return FeedError(f"{peer} refuse la connexion", _way_out(proxy), transient=True)
    if number == errno.ETIMEDOUT:
        return FeedError(f"{peer} ne répond pas dans le délai", _way_out(proxy), transient=True)
    if number in _NO_WAY:
        return _unreachable(peer)
    if isinstance(error, OSError) and number in _OWN_FAULT:
        return FeedError(
            f"ce serveur ne peut pas ouvrir de connexion ({system_words(error)})", _OWN_FAULT[number], later=True
        )
    return None


def _unreachable(peer: str) -> FeedError:
    return FeedError(f"{peer} est injoignable", "vérifiez le réseau et la passerelle de ce serveur", transient=True)


def _way_out(proxy: str | None) -> str:
    if proxy is None:
        return _FIREWALL
    return f"demandez au service informatique si le proxy {proxy} fonctionne, et s'il accepte ce serveur"


def _is_no_http(error: BaseException) -> bool:
    """Whether an answer came, of another protocol. One that never came is a cut."""
    if isinstance(error, RemoteDisconnected | IncompleteRead):
        return False
    found = [error, *error.args] if isinstance(error, ProtocolError) else [error]
    kinds = (BadStatusLine, LineTooLong, UnknownProtocol, InvalidHeader)
    odd = any(isinstance(one, kinds) and not isinstance(one, RemoteDisconnected) for one in found)
    return odd or any(type(one) is HTTPException for one in found)  # too many headers


def _not_http(proxy: str | None) -> str:
    if proxy is not None:
        return "vérifiez l'adresse et le port de « proxy » : ce n'est pas un proxy HTTP qui répond"
    return "vérifiez l'adresse du dépôt, et qu'aucun équipement de l'établissement ne répond à sa place"


def cut(host: str) -> FeedError:
    """The connection ended before its time."""
    return FeedError(f"la connexion avec {host} a été coupée", _RETRY, transient=True)


def beside(host: str) -> FeedError:
    """The rest of a file was asked for, and what came is not that."""
    return FeedError(
        f"{host} n'envoie pas la partie demandée du fichier",
        "réessayez plus tard ; si cela dure, vérifiez qu'aucun équipement de l'établissement (cache, antivirus) ne"
        " change les réponses",
        transient=True,
    )


def slow(host: str) -> FeedError:
    """The server sends nothing, or next to nothing (TUF's slow retrieval attack)."""
    return FeedError(f"{host} envoie les données trop lentement", _RETRY, transient=True)


def unwritable(what: str, folder: Path, error: OSError) -> FeedError:
    """The disk refuses what was received."""
    remedy = _DISK_REMEDIES.get(error.errno or 0, "vérifiez ce disque et les droits de ce dossier")
    return FeedError(f"{what} dans {folder} ({system_words(error)})", remedy)


def status_failure(status: int, host: str, *, through_proxy: bool = False) -> FeedError:
    """What an HTTP status that is no success means."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return FeedError("le proxy demande un identifiant et un mot de passe justes", _PROXY_PASSWORD)
    if status in _ELSEWHERE:
        who = "le proxy" if through_proxy else host
        return FeedError(f"{who} renvoie vers une autre adresse (code {status})", _EXEMPT)
    return _from_proxy(status, host) if through_proxy else _from_server(status, host)


def _from_proxy(status: int, host: str) -> FeedError:
    if status in _PASSING:
        return FeedError(
            f"le proxy n'arrive pas à joindre {host} (code {status})",
            "réessayez plus tard ; si cela dure, demandez au service informatique de vérifier la sortie du proxy vers"
            " Internet",
            transient=True,
        )
    if status in _NOT_A_PROXY:
        return FeedError(
            f"le proxy ne comprend pas la demande (code {status})",
            "vérifiez l'adresse et le port de « proxy » : ce n'est peut-être pas un proxy qui répond",
        )
    return FeedError(
        f"le proxy refuse l'accès à {host} (code {status})", f"demandez au service informatique d'autoriser {host}"
    )


def _from_server(status: int, host: str) -> FeedError:
    if status == HTTPStatus.UNAUTHORIZED:
        return FeedError(f"{host} refuse l'accès (code {status})", _ACCOUNT)
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS):
        return FeedError(
            f"{host} refuse l'accès (code {status})", "vérifiez le filtrage web, puis contactez le support"
        )
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        # A copy of the repository that is being made, perhaps: the rest comes.
        return FeedError(f"le fichier n'est plus sur {host} (code {status})", "vérifiez l'adresse du dépôt", later=True)
    remedy = _RETRY if status in _PASSING else _ODD_ANSWER
    return FeedError(f"{host} ne peut pas répondre (code {status})", remedy, transient=status in _PASSING)


def _tls_failure(error: ssl.SSLError, host: str) -> FeedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _CERTIFICATE_WORDS.get(error.verify_code)
        if known:
            return FeedError(known[0].format(host=host), known[1])
        return FeedError(f"le certificat de {host} est refusé ({error.verify_message})", _INTERCEPTION)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return cut(host)
    reason = getattr(error, "reason", None) or str(error)
    remedy = "vérifiez que l'adresse et le port sont ceux d'un serveur HTTPS"
    if reason not in _NO_TLS:
        remedy = (
            "un équipement qui déchiffre le trafic ne connaît peut-être que d'anciens chiffrements : demandez au"
            f" service informatique d'en exempter {host} ; sinon contactez le support"
        )
    return FeedError(f"pas de liaison chiffrée possible avec {host} ({reason})", remedy)


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

_PASSING_STATES = (ROLLED_BACK, MISMATCHED, NOT_METADATA)
"""What a copy of the repository that is being made, a cache, or a page put in the way says for a while."""


def repository_failure(said: tuple[str, str]) -> FeedError:
    """One of the above."""
    return FeedError(*said, later=said in _PASSING_STATES)
