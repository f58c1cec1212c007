"""The support's public key, by which a server checks unlock codes without any network."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ospi_supervisor.errors import ConfigurationError


class SupportKey:
    """An Ed25519 public key; it signs unlock codes and nothing else."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @classmethod
    def load(cls, path: Path) -> "SupportKey":
        """The key in the PEM file `path`; ConfigurationError where there is none that can be used."""
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"clé du support {path} illisible ({error}) ; voir trust.support_key") from error
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigurationError(f"{path} n'est pas une clé Ed25519 ; voir trust.support_key")
        return cls(key)

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's of `text`."""
        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            return False
        return True
