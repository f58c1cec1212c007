"""How long the certificates are good that browsers, and this program, rely on."""

import socket
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from ospi_supervisor.administration.checks.base import Findings
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config, named_paths
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.words import counted
from ospi_supervisor.system.clock import utc_now

SOON = timedelta(days=30)
CONNECT_SECONDS = 5.0


def certificates(config: Config, adapters: Adapters) -> Findings:
    """Of the addresses that users have, of the files that the configuration names, and the vendor's root."""
    for address in dict.fromkeys((config.platform.public_url, config.supervisor_address)):
        if address.startswith("https:"):
            what = f"certificat de {urlsplit(address).netloc}"
            try:
                yield _told(what, _served(address), "renouvelez-le, puis rechargez le serveur mandataire")
            except OSError as error:
                yield Grade.ERROR, f"{what} : {error} ; vérifiez le serveur mandataire et son certificat"
    for key, path in named_paths(config):
        if key.endswith("ca_bundle"):
            yield _told(f"autorité {path} ({key})", _first_to_end(path), "demandez la nouvelle à qui tient l'autorité")
    ends = Trust.load(config.trust.root, config.paths.trust_dir).root.expires
    words = "demandez la nouvelle racine (root.json) au support"
    yield _told("racine de confiance de l'éditeur", ends, words, expired=Grade.WARNING)


def _told(what: str, ends: datetime, remedy: str, expired: Grade = Grade.ERROR) -> tuple[Grade, str]:
    """What is told of something that is good until `ends`."""
    left, day = ends - utc_now(), f"{ends.astimezone():%d/%m/%Y}"
    if left <= timedelta(0):
        return expired, f"{what} : expiré depuis le {day} ; {remedy}"
    if left <= SOON:
        return Grade.WARNING, f"{what} : expire le {day}, dans {counted(max(left.days, 0), 'jour', 'jours')} ; {remedy}"
    return Grade.OK, f"{what} : bon jusqu'au {day}"


def _served(address: str) -> datetime:
    """The end of the certificate that is shown there, whoever signed it. OSError."""
    target = urlsplit(address)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    place = (target.hostname or "", target.port or 443)
    with (
        socket.create_connection(place, CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=target.hostname) as ciphered,
    ):
        shown = ciphered.getpeercert(binary_form=True) or b""
    return x509.load_der_x509_certificate(shown).not_valid_after_utc


def _first_to_end(path: Path) -> datetime:
    """The first end among the certificates in the file. OSError."""
    try:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes()))
    except ValueError as error:
        raise OSError(f"{path} n'est pas une suite de certificats PEM ({error}) ; remettez le bon fichier") from error
