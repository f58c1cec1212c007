"""Every failure of the connection has words and a remedy of its own."""

import http.client
import socket
import ssl
from collections.abc import Callable

import pytest
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed import failures
from ospi_supervisor.feed.failures import connection_failure, status_failure

HOST = "api.pmsipilot.com"
CONNECTION = urllib3.connection.HTTPSConnection(HOST)
POOL = urllib3.HTTPSConnectionPool(HOST)


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = code, "odd"
    return error


def refused() -> NewConnectionError:
    error = NewConnectionError(CONNECTION, "refused")
    error.__cause__ = ConnectionRefusedError()
    return error


FAILURES: list[tuple[Callable[[], BaseException], str, bool]] = [
    (
        lambda: NameResolutionError(HOST, CONNECTION, socket.gaierror()),
        "le nom api.pmsipilot.com est introuvable",
        True,
    ),
    (lambda: socket.gaierror(-2, "unknown"), "le nom api.pmsipilot.com est introuvable", True),
    (lambda: ConnectTimeoutError(CONNECTION, "late"), "api.pmsipilot.com ne répond pas dans le délai", True),
    (lambda: TimeoutError(), "api.pmsipilot.com ne répond pas dans le délai", True),
    (refused, "api.pmsipilot.com refuse la connexion", True),
    (lambda: ConnectionRefusedError(), "api.pmsipilot.com refuse la connexion", True),
    (lambda: NewConnectionError(CONNECTION, "no route"), "api.pmsipilot.com est injoignable", True),
    (lambda: ReadTimeoutError(POOL, "/", "silence"), "api.pmsipilot.com envoie les données trop lentement", True),
    (lambda: ProtocolError("cut"), "la connexion avec api.pmsipilot.com a été coupée", True),
    (lambda: http.client.IncompleteRead(b""), "la connexion avec api.pmsipilot.com a été coupée", True),
    (lambda: ssl.SSLEOFError(), "la connexion avec api.pmsipilot.com a été coupée", True),
    (lambda: certificate_error(10), "le certificat de api.pmsipilot.com a expiré", False),
    (lambda: certificate_error(9), "le certificat de api.pmsipilot.com n'est pas encore valable", False),
    (lambda: certificate_error(18), "le certificat de api.pmsipilot.com est autosigné", False),
    (lambda: certificate_error(20), "l'autorité du certificat de api.pmsipilot.com est inconnue", False),
    (lambda: certificate_error(62), "le certificat présenté n'est pas celui de api.pmsipilot.com", False),
    (lambda: certificate_error(23), "le certificat de api.pmsipilot.com est révoqué", False),
    (lambda: certificate_error(50), "le certificat de api.pmsipilot.com est refusé (odd)", False),
    (lambda: ssl.SSLError(1, "x"), "pas de liaison chiffrée possible avec api.pmsipilot.com", False),
    (
        lambda: OSError("Tunnel connection failed: 407 Authentication Required"),
        "le proxy demande un identifiant et un mot de passe justes",
        False,
    ),
    (
        lambda: OSError("Tunnel connection failed: 403 Forbidden"),
        "le proxy refuse l'accès à api.pmsipilot.com (code 403)",
        False,
    ),
]


@pytest.mark.parametrize(("make", "problem", "transient"), FAILURES)
def test_a_failure_of_the_connection(make: Callable[[], BaseException], problem: str, transient: bool) -> None:
    failure = connection_failure(make(), HOST)
    assert failure.problem.startswith(problem)
    assert failure.remedy
    assert failure.transient == transient


def test_behind_a_proxy_it_is_the_proxy_that_does_not_answer() -> None:
    assert connection_failure(ConnectionRefusedError(), HOST, "proxy.chu").problem == "proxy.chu refuse la connexion"


@pytest.mark.parametrize(
    ("status", "problem", "transient"),
    [
        (301, "renvoie vers une autre adresse (code 301)", False),
        (401, "refuse l'accès (code 401)", False),
        (403, "refuse l'accès (code 403)", False),
        (404, "n'est plus sur api.pmsipilot.com", False),
        (407, "le proxy demande un identifiant", False),
        (418, "ne peut pas répondre (code 418)", False),
        (429, "ne peut pas répondre (code 429)", True),
        (503, "ne peut pas répondre (code 503)", True),
    ],
)
def test_a_status(status: int, problem: str, transient: bool) -> None:
    failure = status_failure(status, HOST)
    assert problem in failure.problem
    assert failure.remedy
    assert failure.transient == transient


def test_each_refusal_of_the_repository_differs() -> None:
    refusals = [
        failures.EXPIRED,
        failures.ROLLED_BACK,
        failures.UNSIGNED,
        failures.MISMATCHED,
        failures.TOO_LONG,
        failures.NOT_METADATA,
        failures.WRONG_CONTENT,
    ]
    assert len({FeedError(*refusal).problem for refusal in refusals}) == len(refusals)
