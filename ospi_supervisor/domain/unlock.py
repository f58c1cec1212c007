"""The support's release of a version that failed: what is asked, what is signed, and how both look in a mail.

Engine rule 8. The code is an Ed25519 signature, by the support's own key, of a text that nothing else signs; the
challenge names one failure of one server, so the code is of no use for any other.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from ospi_supervisor.errors import RefusedError

PREFIX = "ospi-deblocage"
SIGNATURE_BYTES = 64
_DOMAIN = b"ospi-supervisor/unlock/v1\n"
"""Begins the signed text: a signature made for any other purpose can never pass for a code."""

_CHALLENGE = re.compile(
    rf"{PREFIX}/([A-Za-z0-9._+!-]{{1,100}})/([A-Za-z0-9._+!-]{{1,100}})/([1-9]\d{{0,17}})/([0-9a-f]{{20}})"
)


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """One failure, as the support hears of it. `nonce` is random: 20 hexadecimal digits made with the lock."""

    product: str
    version: str
    update_id: int
    nonce: str

    def __str__(self) -> str:
        return f"{PREFIX}/{self.product}/{self.version}/{self.update_id}/{self.nonce}"

    @property
    def signed_text(self) -> bytes:
        """What the support signs."""
        return _DOMAIN + str(self).encode("ascii")


def parse_challenge(text: str) -> Challenge:
    """The challenge in `text`, whatever white space a mail program put in; RefusedError where it is none."""
    match = _CHALLENGE.fullmatch("".join(text.split()))
    if match is None:
        raise RefusedError(
            f"ce n'est pas une demande de déblocage ; elle est de la forme {PREFIX}/PRODUIT/VERSION/NUMÉRO/…",
            code="challenge",
        )
    return Challenge(product=match[1], version=match[2], update_id=int(match[3]), nonce=match[4])


def encode_code(signature: bytes) -> str:
    """The signature as letters and digits: 103 capitals that no mail program alters."""
    return base64.b32encode(signature).decode("ascii").rstrip("=")


def decode_code(text: str) -> bytes:
    """The signature in a pasted code; RefusedError where it cannot be one."""
    compact = "".join(text.split()).upper()
    try:
        signature = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError):
        signature = b""
    if len(signature) != SIGNATURE_BYTES:
        raise RefusedError("ce code est incomplet ou mal recopié ; collez-le en entier", code="code")
    return signature
