"""Every situation of other people's networks that has words: what happens, what is said, the cause, the remedy.

`docs/situations-reseau.md` is written by `python -m tests.support.situations`; a test holds one against the other.
"""

import errno
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed import failures
from ospi_supervisor.feed.failures import connection_failure, slow, status_failure, unwritable

HOST, PROXY = "api.pmsipilot.com", "proxy.chu"
DOCUMENT = Path(__file__).parents[2] / "docs/situations-reseau.md"
_CONNECTION = urllib3.connection.HTTPSConnection(HOST)
_POOL = urllib3.HTTPSConnectionPool(HOST)


@dataclass(frozen=True)
class Situation:
    """What happens, in words, why, and the refusal that says it."""

    happens: str
    cause: str
    failure: FeedError


def situations() -> list[Situation]:
    """All of them, in the order of the document."""
    return [
        *_statuses(through_proxy=False),
        *_statuses(through_proxy=True),
        *_system(None),
        *_system(PROXY),
        *_network(None),
        *_network(PROXY),
        *_certificates(),
        *_tls(),
        *_disk(),
        *_repository(),
    ]


_SERVER_CAUSES = {
    3: "portail d'accès à Internet, ou dépôt déplacé",
    4: "demande refusée par le serveur, ou par un filtre placé devant lui",
    5: "serveur de l'éditeur, ou équipement placé devant lui, en panne ou surchargé",
}
_PROXY_CAUSES = {
    3: "portail d'authentification du proxy",
    4: "règle de filtrage du proxy, ou adresse qui n'est pas celle d'un proxy",
    5: "proxy en panne, qui redémarre, ou sans sortie vers Internet",
}
_CAUSES = {
    401: "compte de l'établissement chez l'éditeur absent ou faux, ou filtre",
    404: "copie du dépôt en cours, ou adresse fausse",
    407: "proxy qui s'interpose et demande un compte",
    408: "demande arrivée trop lentement au serveur",
    410: "copie du dépôt en cours, ou adresse fausse",
    425: "serveur qui demande de recommencer",
    429: "trop de demandes depuis cet établissement",
    451: "filtre imposé",
    511: "portail d'accès à Internet",
}
"""Of the server's answers, where the class of the status does not tell it."""

_CONNECT_CAUSES = {
    407: "compte ou mot de passe du proxy absent, faux ou périmé",
    408: "proxy qui n'obtient pas de réponse",
    425: "proxy qui demande de recommencer",
    429: "trop de demandes depuis ce serveur",
    501: "adresse qui n'est pas celle d'un proxy",
    505: "adresse qui n'est pas celle d'un proxy",
    511: "portail d'authentification du proxy",
}
_STATUSES = [300, 301, 302, 303, 305, 307, 308, *range(400, 418), 421, 422, 423, 425, 426, 428, 429, 431, 451]
_STATUSES += [500, 501, 502, 503, 504, 505, 507, 508, 511]


def _statuses(*, through_proxy: bool) -> Iterator[Situation]:
    who, causes = (
        ("le proxy répond à CONNECT", _PROXY_CAUSES) if through_proxy else ("le serveur répond", _SERVER_CAUSES)
    )
    special = _CONNECT_CAUSES if through_proxy else _CAUSES
    for status in _STATUSES:
        failure = status_failure(status, HOST, through_proxy=through_proxy)
        cause = special.get(status, causes[status // 100])
        yield Situation(f"{who} par {status} ({HTTPStatus(status).phrase})", cause, failure)
    for status in (520, 522, 524):
        failure = status_failure(status, HOST, through_proxy=through_proxy)
        yield Situation(f"{who} par {status} (code d'un réseau de diffusion)", causes[5], failure)


_SYSTEM_CAUSES = {
    errno.ECONNREFUSED: "rien n'écoute à ce port, ou un pare-feu rejette la connexion",
    errno.ECONNRESET: "un équipement coupe la connexion en cours",
    errno.ECONNABORTED: "la connexion est abandonnée en cours",
    errno.EPIPE: "l'autre côté a fermé avant la fin",
    errno.ETIMEDOUT: "un pare-feu ignore la connexion, ou la machine est éteinte",
    errno.EHOSTUNREACH: "aucun chemin vers cette machine",
    errno.ENETUNREACH: "pas de passerelle par défaut",
    errno.EHOSTDOWN: "machine éteinte sur le même réseau",
    errno.ENETDOWN: "interface réseau de ce serveur arrêtée",
    errno.EADDRNOTAVAIL: "plus de port libre sur ce serveur",
    errno.EMFILE: "limite de fichiers ouverts du service atteinte",
    errno.ENFILE: "limite de fichiers ouverts du serveur atteinte",
    errno.ENOBUFS: "mémoire réseau de ce serveur épuisée",
    errno.ENOMEM: "mémoire de ce serveur épuisée",
    errno.EPERM: "pare-feu local, ou confinement du service",
    errno.EACCES: "pare-feu local, ou confinement du service",
}


def _system(proxy: str | None) -> Iterator[Situation]:
    for number, cause in _SYSTEM_CAUSES.items():
        failure = connection_failure(OSError(number, "x"), HOST, proxy)
        yield Situation(f"{errno.errorcode[number]} {_toward(proxy)}", cause, failure)


_NETWORK: list[tuple[str, str, Callable[[], BaseException]]] = [
    (
        "nom inconnu du DNS",
        "serveurs DNS mal réglés, ou filtrés",
        lambda: NameResolutionError(HOST, _CONNECTION, socket.gaierror(-2, "x")),
    ),
    ("DNS qui ne répond pas", "serveurs DNS injoignables", lambda: socket.gaierror(socket.EAI_AGAIN, "x")),
    ("DNS en échec", "serveurs DNS en panne", lambda: socket.gaierror(socket.EAI_FAIL, "x")),
    ("connexion sans réponse", "pare-feu qui ignore", lambda: ConnectTimeoutError(_CONNECTION, "x")),
    ("délai dépassé pendant la connexion", "pare-feu qui ignore, liaison saturée", lambda: TimeoutError()),
    ("connexion impossible", "réseau mal réglé", lambda: NewConnectionError(_CONNECTION, "x")),
    ("silence pendant la lecture", "serveur surchargé, antivirus", lambda: ReadTimeoutError(_POOL, "/", "x")),
    ("coupure avant toute réponse", "équipement qui coupe", lambda: http.client.RemoteDisconnected("x")),
    ("coupure au milieu du corps", "liaison instable", lambda: http.client.IncompleteRead(b"")),
    ("coupure signalée par la bibliothèque", "liaison instable", lambda: ProtocolError("x")),
    ("première ligne illisible", "un autre service répond à ce port", lambda: http.client.BadStatusLine("SSH-2.0")),
    (
        "première ligne illisible, en cours de lecture",
        "un autre service répond à ce port",
        lambda: ProtocolError("x", http.client.BadStatusLine("SSH-2.0")),
    ),
    ("ligne trop longue", "un autre service répond à ce port", lambda: http.client.LineTooLong("header")),
    ("version de HTTP inconnue", "équipement ancien ou fautif", lambda: http.client.UnknownProtocol("HTTP/9")),
    ("plus de cent en-têtes", "équipement fautif", lambda: http.client.HTTPException("got more than 100 headers")),
    ("en-tête incohérent", "équipement fautif", lambda: InvalidHeader("x")),
]


def _network(proxy: str | None) -> Iterator[Situation]:
    for happens, cause, make in _NETWORK:
        yield Situation(f"{happens}, {_toward(proxy)}", cause, connection_failure(make(), HOST, proxy))
    yield Situation(f"moins de 1 ko/s, {_toward(proxy)}", "liaison saturée, ou attaque par lenteur", slow(HOST))


def _toward(proxy: str | None) -> str:
    return "vers le proxy" if proxy else "sans proxy"


_CERTIFICATES = {
    9: "horloge de ce serveur en retard",
    10: "horloge de ce serveur en avance, ou certificat non renouvelé",
    18: "équipement qui déchiffre le trafic",
    19: "équipement qui déchiffre le trafic",
    20: "équipement qui déchiffre le trafic, ou autorités du système anciennes",
    21: "certificat intermédiaire absent",
    23: "certificat révoqué",
    24: "autorité qui n'en est pas une",
    26: "certificat d'un autre usage",
    62: "équipement qui déchiffre le trafic, ou adresse fausse",
    64: "équipement qui déchiffre le trafic, ou adresse fausse",
    66: "clé trop courte",
    67: "autorité ancienne",
    68: "signature trop ancienne (SHA-1)",
}


def _certificates() -> Iterator[Situation]:
    for code, cause in _CERTIFICATES.items():
        error = ssl.SSLCertVerificationError("x")
        error.verify_code, error.verify_message = code, f"vérification {code}"
        yield Situation(f"certificat refusé, code {code} d'OpenSSL", cause, connection_failure(error, HOST))


_TLS = {
    "WRONG_VERSION_NUMBER": "le port répond sans chiffrement",
    "UNSUPPORTED_PROTOCOL": "équipement qui ne connaît que d'anciens TLS",
    "TLSV1_ALERT_PROTOCOL_VERSION": "équipement qui ne connaît que d'anciens TLS",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "aucun chiffrement commun",
    "TLSV1_UNRECOGNIZED_NAME": "serveur qui ne connaît pas ce nom",
    "DH_KEY_TOO_SMALL": "équipement ancien",
    "UNEXPECTED_EOF_WHILE_READING": "pare-feu qui coupe à la lecture du nom",
}


def _tls() -> Iterator[Situation]:
    for reason, cause in _TLS.items():
        error: ssl.SSLError = ssl.SSLEOFError() if "EOF" in reason else ssl.SSLError(1, "x")
        if "EOF" not in reason:
            error.reason = reason
        yield Situation(f"TLS : {reason}", cause, connection_failure(error, HOST))


_DISK = {
    errno.ENOSPC: "disque plein",
    errno.EDQUOT: "quota atteint",
    errno.EROFS: "disque remonté en lecture seule après une erreur",
    errno.EIO: "disque abîmé",
    errno.EACCES: "droits du dossier changés",
    errno.EPERM: "dossier rendu immuable",
    errno.ESTALE: "partage réseau perdu",
    errno.EFBIG: "fichier trop grand pour ce système de fichiers",
}


def _disk() -> Iterator[Situation]:
    for number, cause in _DISK.items():
        failure = unwritable("l'archive ne peut pas être écrite", Path("/var/lib/ospi"), OSError(number, "x"))
        yield Situation(f"{errno.errorcode[number]} à l'écriture de ce qui est reçu", cause, failure)


def _repository() -> Iterator[Situation]:
    cases = [
        (
            "métadonnées périmées",
            "horloge fausse, dépôt figé par un tiers, ou éditeur qui ne le date plus",
            failures.EXPIRED,
        ),
        ("compteurs qui reculent", "ancienne copie du dépôt, ou dépôt restauré chez l'éditeur", failures.ROLLED_BACK),
        ("signatures d'autres clés, ou trop peu", "dépôt d'un autre, ou attaque", failures.UNSIGNED),
        (
            "métadonnées d'états différents",
            "copie du dépôt en cours, cache intermédiaire, ou attaque",
            failures.MISMATCHED,
        ),
        ("plus d'octets que signé", "équipement qui modifie les réponses, ou attaque", failures.TOO_LONG),
        (
            "page web à la place de ce qui est demandé",
            "portail d'accès à Internet, ou adresse fausse",
            failures.NOT_METADATA,
        ),
        ("archive autre que celle signée", "fichier abîmé sur le dépôt ou en chemin", failures.WRONG_CONTENT),
    ]
    for happens, cause, said in cases:
        yield Situation(happens, cause, failures.repository_failure(said))
    happens = "suite d'un fichier demandée, et autre chose reçu"
    yield Situation(happens, "cache ou antivirus qui ne connaît pas les reprises", failures.beside(HOST))


def document() -> str:
    """The document as it must be."""
    rows = "\n".join(
        " | ".join(("", found.happens, said.problem, found.cause, said.remedy, _again(said), "")).strip()
        for found, said in ((found, found.failure) for found in situations())
    )
    return f"""# Situations du réseau et du dépôt

Pour qui s'occupe du réseau d'un hôpital : ce qui arrive, les mots que Superviseur emploie (pages, `auto check`,
messages), la cause la plus courante et le remède. Écrit par `python -m tests.support.situations` et tenu par un
test ; le serveur de l'exemple est `{HOST}`, le proxy `{PROXY}`.

« Seul » : Superviseur réessaie de lui-même, la nuit, aussitôt ou plus tard ; sinon quelqu'un doit agir.

| ce qui arrive | mots | cause | remède | réessaie |
|---|---|---|---|---|
{rows}
"""


def _again(failure: FeedError) -> str:
    return "seul" if failure.later else "non"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
