"""A certification authority of a test's own, and server certificates good and bad."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_NOW = datetime.now(UTC)


class Authority:
    """Signs certificates; its own, which ends in `end` days, lies in `path`."""

    def __init__(self, folder: Path, name: str = "Autorité du CHU", end: int = 2) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, "Racine"),
            ]
        )
        self._subject = subject
        certificate = (
            _builder(subject, subject, self._key, _NOW - timedelta(days=2), _NOW + timedelta(days=end))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def server(self, address: str = "127.0.0.1", *, start: int = -1, end: int = 1) -> Path:
        """Key and certificate for the IP `address` in one file, valid from `start` to `end` days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "serveur")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        days = (_NOW + timedelta(days=start), _NOW + timedelta(days=end))
        certificate = (_builder(subject, self._subject, key, *days).add_extension(names, critical=False)).sign(
            self._key, hashes.SHA256()
        )
        path = self.folder / f"server{start}{end}{address}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
