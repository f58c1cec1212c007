"""Who may sign: the chain of TUF root metadata, and what it proves of an archive's `release.json`.

Verification starts from the newest root ever accepted. A chain that travels in an archive can only extend it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from ospi_supervisor.archive.layout import RELEASE, root_name
from ospi_supervisor.archive.metadata import decode_proven_root, decode_release, decode_root, encode, respelled
from ospi_supervisor.archive.refusals import altered, foreign_errors_refused, unsigned
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import ArchiveError, ConfigurationError
from ospi_supervisor.system.files import write_atomically

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
        self._root = decode_proven_root("root.json", root)
        # A rotated root also bears the signatures of the root before it, which this one may not know.
        _check_signatures("root.json", self._root, self._root.signed, "root", set(self._root.signatures))

    @classmethod
    def load(cls, initial: Path, kept: Path) -> "Trust":
        """The newer of the delivered root (file `initial`) and the one that `save` left in the folder `kept`.

        ConfigurationError where one is unreadable: trust is never guessed.
        """
        trusts = [_read_delivered(initial)]
        if (kept / KEPT_NAME).exists():
            trusts.append(_read_kept(kept / KEPT_NAME))
        return max(trusts, key=lambda trust: trust.version)

    @classmethod
    def delivered(cls, data: bytes) -> "Trust":
        """The trust in `data`, a root as people hand it over: other tools may have indented it. ArchiveError."""
        return cls(respelled(data))

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
                trust = trust.followed_by(data)
        return trust

    def followed_by(self, data: bytes) -> "Trust":
        """The trust in `data`, the root after this one; ArchiveError as in `extended` where it is not.

        Whatever brings a root, an archive or the repository, it is judged here before anything of it is kept.
        """
        name = root_name(self.version + 1)
        root = decode_proven_root(name, data)
        if root.signed.version != self.version + 1:
            raise altered(name, "numéro de version inattendu")
        _check_link(name, self._root, root)
        return Trust(data)

    def cleaned(self, data: bytes) -> bytes:
        """`data`, the next root as a repository or other tools may give it, in the accepted spelling and without the
        signatures that prove nothing; `data` itself where this root does not prove it.

        In an archive every byte must count; a repository is judged as TUF does, which looks at what counts alone.
        """
        try:
            metadata: Metadata[Root] = Metadata.from_bytes(data)
            if not self.root.get_verification_result("root", metadata.signed_bytes, metadata.signatures).verified:
                return data
            own = metadata.signed.get_verification_result("root", metadata.signed_bytes, metadata.signatures)
            old = self.root.get_verification_result("root", metadata.signed_bytes, metadata.signatures)
        except Exception:  # noqa: BLE001 - whatever a library raises over it, `followed_by` refuses it in words
            return data
        metadata.signatures = {
            keyid: Signature(keyid, signature.signature.lower())
            for keyid, signature in metadata.signatures.items()
            if keyid in {*own.signed, *old.signed}
        }
        return encode(metadata)

    def verify_release(self, data: bytes) -> SignedRelease:
        """What `data`, the member `metadata/release.json`, proves; ArchiveError where it proves nothing.

        It must carry the signed field `x-ospi` of kind « release »: the repository's `targets.json` is signed
        by the same role and must not pass for an archive.
        """
        metadata = decode_release(RELEASE, data)
        signed_by = _check_signatures(RELEASE, metadata, self.root, "targets")
        stamp = metadata.signed.unrecognized_fields["x-ospi"]
        product, version = stamp.get("product"), stamp.get("version")
        if not isinstance(product, str) or not isinstance(version, str):
            raise altered(RELEASE, "produit ou version absents")
        return SignedRelease(metadata.signed, product, version, signed_by)


def _read_delivered(path: Path) -> Trust:
    try:
        return Trust.delivered(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"métadonnées racine illisibles ({error}) ; vérifiez « trust.root »") from error
    except ArchiveError as error:
        raise ConfigurationError(
            f"« trust.root » : {path} n'est pas une racine de l'éditeur ({_flaw(error)}) ; remettez le fichier"
            " root.json livré avec Superviseur"
        ) from error


def _read_kept(path: Path) -> Trust:
    try:
        return Trust(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"la racine que Superviseur garde dans {path} est illisible ({error.strerror}) ; vérifiez ce disque"
        ) from error
    except ArchiveError as error:
        raise ConfigurationError(
            f"la racine que Superviseur garde dans {path} est abîmée ({_flaw(error)}) ; remettez ce fichier depuis une"
            " sauvegarde de l'état, ou contactez le support"
        ) from error


def _flaw(error: ArchiveError) -> str:
    """What is wrong with a root: the words of an archive's refusal speak of an archive."""
    return {"tampered": "elle est illisible ou altérée"}.get(error.code, "elle ne porte pas les signatures voulues")


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
    with foreign_errors_refused(name, "métadonnées inattendues"):
        result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if set(metadata.signatures) - set(result.signed) - ((also or set()) - known):
        raise altered(name, "une signature est fausse ou étrangère")
    if not result.verified:
        raise unsigned(f"{counted(len(result.signed), 'signature', 'signatures')} au lieu de {result.threshold}")
    return tuple(sorted(result.signed))


def _foreign_key(name: str) -> ArchiveError:
    return ArchiveError(
        f"l'archive est signée par une autre clé que celles de l'éditeur ({name}) ;"
        " n'importez que les archives de l'Espace utilisateur et prévenez le support",
        code="foreign_key",
    )
