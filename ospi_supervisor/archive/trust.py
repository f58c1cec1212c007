"""Who may sign: the chain of TUF root metadata, and what it proves of an archive's `release.json`.

Verification starts from the newest root ever accepted. A chain that travels in an archive can only extend it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.api.serialization import SerializationError

from ospi_supervisor.archive.layout import RELEASE, root_name
from ospi_supervisor.archive.metadata import decode_root, decode_targets
from ospi_supervisor.archive.recognise import altered, unsigned
from ospi_supervisor.errors import ArchiveError, ConfigurationError
from ospi_supervisor.files import write_atomically

KEPT_NAME = "root.json"


@dataclass(frozen=True)
class SignedRelease:
    """What a proven `release.json` says. `signed_by` lists the identifiers of the keys."""

    targets: Targets
    product: str
    version: str
    signed_by: tuple[str, ...]

    @property
    def members(self) -> dict[str, TargetFile]:
        """The signed members by name."""
        return self.targets.targets


class Trust:
    """The newest root ever accepted."""

    def __init__(self, root: bytes) -> None:
        """Trust `root`, which must be signed by its own keys; ArchiveError where it is not root metadata."""
        self.root_bytes = root
        self._root = decode_root("root.json", root)
        # A rotated root also bears the signatures of the root before it, which this one may not know.
        _check_signatures("root.json", self._root, self._root.signed, "root", set(self._root.signatures))

    @classmethod
    def load(cls, initial: Path, kept: Path) -> "Trust":
        """The newer of the delivered root (file `initial`) and the one that `save` left in the folder `kept`.

        ConfigurationError where one is unreadable: trust is never guessed.
        """
        candidates = [path for path in (initial, kept / KEPT_NAME) if path == initial or path.exists()]
        try:
            trusts = [cls(path.read_bytes()) for path in candidates]
        except OSError as error:
            raise ConfigurationError(f"métadonnées racine illisibles ({error}) ; vérifiez « trust.root »") from error
        except ArchiveError as error:
            raise ConfigurationError(f"métadonnées racine incorrectes : {error}") from error
        return max(trusts, key=lambda trust: trust.version)

    @property
    def version(self) -> int:
        """The root's version: it only grows."""
        return self._root.signed.version

    @property
    def root(self) -> Root:
        """The root metadata itself."""
        return self._root.signed

    def save(self, kept: Path, newest_root: bytes) -> None:
        """Keep `newest_root`, which this trust proved, in the folder `kept`, unless a newer one is kept there.

        Durable and atomic. Raises OSError.
        """
        target = kept / KEPT_NAME
        newest = max(self.version, Trust(target.read_bytes()).version) if target.exists() else 0
        if Trust(newest_root).version > newest:
            write_atomically(target, newest_root)

    def extended(self, chain: Sequence[bytes]) -> "Trust":
        """The trust after the roots in `chain`, versions 1 to the newest.

        ArchiveError: foreign_key where the chain is another vendor's, unsigned or tampered where a link fails.
        """
        trust, previous = self, None
        for version, data in enumerate(chain, start=1):
            name = root_name(version)
            root = decode_root(name, data)
            if root.signed.version != version:
                raise altered(name, "numéro de version inattendu")
            _check_link(name, previous, root)
            if version == self.version and root.signed != self.root:
                raise _foreign_key(name)
            previous = root
            if version > trust.version:
                _check_link(name, trust._root, root)
                trust = Trust(data)
        return trust

    def verify_release(self, data: bytes) -> SignedRelease:
        """What `data`, the member `metadata/release.json`, proves; ArchiveError where it proves nothing.

        It must carry the signed field `x-ospi` of kind « release »: the repository's `targets.json` is signed
        by the same role and must not pass for an archive.
        """
        metadata = decode_targets(RELEASE, data)
        signed_by = _check_signatures(RELEASE, metadata, self.root, "targets")
        stamp = metadata.signed.unrecognized_fields.get("x-ospi")
        if not isinstance(stamp, dict) or stamp.get("kind") != "release":
            raise altered(RELEASE, "ces métadonnées ne sont pas celles d'une version")
        product, version = stamp.get("product"), stamp.get("version")
        if not isinstance(product, str) or not isinstance(version, str):
            raise altered(RELEASE, "produit ou version absents")
        return SignedRelease(metadata.signed, product, version, signed_by)


def _check_link(name: str, previous: Metadata[Root] | None, root: Metadata[Root]) -> None:
    """A root is signed by the role of the root before it and by its own (TUF specification, 5.3.4)."""
    also = set() if previous is None else set(previous.signed.roles["root"].keyids)
    _check_signatures(name, root, root.signed, "root", also)
    if previous is not None:
        _check_signatures(name, root, previous.signed, "root", set(root.signed.roles["root"].keyids))


def _check_signatures(
    name: str, metadata: Metadata[Root] | Metadata[Targets], root: Root, role: str, also: set[str] | None = None
) -> tuple[str, ...]:
    """The identifiers of the keys of `role` that signed; at least the threshold.

    Every signature must be good, needed or not (those of the keys in `also` are another call's matter): so no
    byte of an archive can change unseen.
    """
    if not metadata.signatures:
        raise unsigned(f"{name} ne porte aucune signature")
    known = set(root.roles[role].keyids)
    if not known & set(metadata.signatures):
        raise _foreign_key(name)
    try:
        result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except SerializationError as error:
        raise altered(name, "métadonnées inattendues") from error
    if set(metadata.signatures) - set(result.signed) - ((also or set()) - known):
        raise altered(name, "une signature est fausse ou étrangère")
    if not result.verified:
        raise unsigned(f"{len(result.signed)} signature(s) au lieu de {result.threshold}")
    return tuple(sorted(result.signed))


def _foreign_key(name: str) -> ArchiveError:
    return ArchiveError(
        f"l'archive est signée par une autre clé que celles de l'éditeur ({name}) ;"
        " n'importez que les archives de l'Espace utilisateur et prévenez le support",
        code="foreign_key",
    )
