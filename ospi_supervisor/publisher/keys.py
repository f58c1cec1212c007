"""The vendor's keys: one Ed25519 pair a file, and the first root metadata that hospitals receive.

`DIR/root.json` is public. `DIR/private/ROLE-N.pem` are secret, mode 0600. The support's key is no TUF key: it signs
the codes that release a lock, and nothing else.
"""

import errno
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from ospi_supervisor.archive.metadata import encode
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.passphrases import key_folders, passphrase_for_new_keys, passphrase_of
from ospi_supervisor.system.files import write_atomically

ROLES = {"root": 2, "targets": 2, "snapshot": 1, "timestamp": 1}
"""How many keys each role has; all of them must sign."""

ROOT_VALIDITY = timedelta(days=3650)

RETIRED = "private/retired"
"""Where the private keys go that the newest root does not name any more."""


def init_keys(folder: Path, now: datetime) -> bytes:
    """Make the keys and the first root metadata in `folder`; returns that root.

    RefusedError where `folder` already has some: keys are never overwritten.
    """
    private = folder / "private"
    if private.exists() or (folder / "root.json").exists():
        raise RefusedError(f"{folder} contient déjà des clés ; choisissez un autre dossier")
    private.mkdir(mode=0o700, parents=True)
    root = Root(expires=midnight(now) + ROOT_VALIDITY, consistent_snapshot=True)
    signers: list[CryptoSigner] = []
    for role, count in ROLES.items():
        root.roles[role].threshold = count
        for number in range(1, count + 1):
            signer = CryptoSigner(new_key(private / f"{role}-{number}.pem"))
            root.add_key(signer.public_key, role)
            signers += [signer] if role == "root" else []
    support = new_key(private / "support.pem").public_key()
    write_atomically(folder / "support.pub.pem", support.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    data = sign(Metadata(root), signers)
    for name in ("1.root.json", "root.json"):
        write_atomically(folder / name, data)
    return data


def root_chain(folder: Path) -> list[bytes]:
    """Every version of the root metadata in `folder`, from the first."""
    chain: list[bytes] = []
    while (path := folder / f"{len(chain) + 1}.root.json").exists():
        chain.append(path.read_bytes())
    if not chain:
        raise RefusedError(f"{folder} ne contient pas de clés ; créez-les par « ospi-release init {folder} »")
    return chain


def load_signers(folder: Path, role: str, root: Root | None = None) -> list[CryptoSigner]:
    """The private keys in `folder` that `root`, the newest where None, lets sign for `role`, as `available_signers`
    finds them. RefusedError under the threshold."""
    root = root or Trust(root_chain(folder)[-1]).root
    usable, threshold = available_signers(folder, role, root), root.roles[role].threshold
    if len(usable) < threshold:
        raise RefusedError(
            f"{counted(len(usable), 'clé', 'clés')} de la racine {root.version} dans {folder}/private/{role}-*.pem,"
            f" il en faut {threshold} ; apportez celles de l'éditeur"
        )
    return usable


def available_signers(folder: Path, role: str, root: Root | None = None) -> list[CryptoSigner]:
    """The private keys in `folder` that `root`, the newest where None, lets sign for `role`, be they too few.

    Those put aside in `private/retired` serve where the others are too few.
    """
    root = root or Trust(root_chain(folder)[-1]).root
    allowed = root.roles[role]
    usable: list[CryptoSigner] = []
    for place in (*key_folders(), folder / "private", folder / RETIRED):
        # A key put aside may have been destroyed where it lies: it is not read unless it is needed.
        if len(usable) < allowed.threshold:
            signers = [CryptoSigner(load_key(path)) for path in sorted(place.glob(f"{role}-*.pem"))]
            usable += [signer for signer in signers if signer.public_key.keyid in allowed.keyids]
    return usable


def load_key(path: Path) -> Ed25519PrivateKey:
    """The private key in the PEM file `path`, deciphered by the passphrase that its owner gives; RefusedError where
    there is none that can be used."""
    try:
        data = path.read_bytes()
        passphrase = passphrase_of(path) if b"ENCRYPTED" in data else None
        key = load_pem_private_key(data, passphrase)
    except (OSError, ValueError, TypeError) as error:
        raise RefusedError(f"clé privée {path} illisible, ou phrase de passe fausse ({error})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RefusedError(f"{path} n'est pas une clé Ed25519")
    return key


def sign(metadata: Metadata[Any], signers: Sequence[CryptoSigner]) -> bytes:
    """`metadata` signed by all `signers`, in the one spelling that readers accept."""
    for signer in signers:
        metadata.sign(signer, append=True)
    return encode(metadata)


def midnight(now: datetime) -> datetime:
    """The beginning of the day of `now` in UTC: two builds of one day then carry the same dates."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def new_key(path: Path) -> Ed25519PrivateKey:
    """A new private key, durable in the new file `path`, mode 0600, encrypted where a passphrase was given for new
    keys. Raises OSError, for an existing file too."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    key = Ed25519PrivateKey.generate()
    write_key(path, key, passphrase_for_new_keys())
    return key


def write_key(path: Path, key: Ed25519PrivateKey, passphrase: bytes | None) -> None:
    """Put `key` in the file `path`, encrypted by `passphrase` where there is one; mode 0600. Raises OSError."""
    cipher: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    # Whole or not at all: half a key would have every later command refused.
    write_atomically(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, cipher), 0o600)
