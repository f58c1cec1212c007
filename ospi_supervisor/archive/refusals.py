"""What a file is that is no archive as downloaded, so that the refusal says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from ospi_supervisor.archive.layout import MANIFEST, is_tar_block, parse_block, root_name
from ospi_supervisor.errors import ArchiveError

_AS_DOWNLOADED = "importez tel quel le fichier .ospi téléchargé depuis l'Espace utilisateur"

_COMPRESSED = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
}
_MEMBERS = (b'{"signatures":', b'{"format":', b'{"path":')
"""How the archive's own JSON members begin: metadata, manifest, index."""


def incomplete(received: int, expected: int | None = None) -> ArchiveError:
    """The refusal of a file shorter than what was signed, in bytes."""
    size = f"{received} octets" if expected is None else f"{received} octets au lieu de {expected}"
    return ArchiveError(
        f"l'archive est incomplète ({size}) ; téléchargez-la de nouveau depuis l'Espace utilisateur, jusqu'au bout",
        code="truncated",
    )


def altered(member: str, detail: str = "son contenu n'est pas celui qui a été signé") -> ArchiveError:
    """The refusal of a file in which `member` is not what was signed."""
    return ArchiveError(
        f"l'archive est altérée ({member} : {detail}) ; téléchargez-la de nouveau depuis l'Espace utilisateur",
        code="tampered",
    )


@contextmanager
def foreign_errors_refused(member: str, detail: str) -> Iterator[None]:
    """Whatever a library raises over bytes that nobody has proven says that they are not what was signed.

    Libraries do not list what odd bytes make them raise (a KeyError for a kind of key, a RecursionError…).
    """
    try:
        yield
    except (ArchiveError, MemoryError):
        raise
    except Exception as error:
        raise altered(member, detail) from error


def unsigned(detail: str) -> ArchiveError:
    """The refusal of an archive that lacks signatures."""
    return ArchiveError(
        f"l'archive n'est pas signée ({detail}) ; n'importez que les archives de l'Espace utilisateur"
        " et prévenez le support",
        code="unsigned",
    )


def wrong_base(detail: str) -> ArchiveError:
    """The refusal of a delta archive that does not apply to what is installed."""
    return ArchiveError(
        f"cette archive différentielle ne s'applique pas ici : {detail} ;"
        " utilisez l'archive complète de cette version, dans l'Espace utilisateur",
        code="wrong_base",
    )


def unsafe(detail: str) -> ArchiveError:
    """The refusal of an archive that asks for something that is never extracted."""
    return ArchiveError(
        f"l'archive contient un élément interdit ({detail}) ; ne l'installez pas et prévenez le support",
        code="unsafe",
    )


def refusal(head: bytes, whole: bool) -> ArchiveError:
    """Why the file that begins with `head` is refused, `head` not being the first block of an archive.

    `head` holds the first block, or less if the file is shorter: then `whole` is true.
    """
    if not head:
        return ArchiveError(
            "le fichier est vide (0 octet) ; téléchargez de nouveau l'archive depuis l'Espace utilisateur", code="empty"
        )
    first_name = root_name(1).encode("ascii")
    if whole and (head.startswith(first_name) or first_name.startswith(head)):
        return incomplete(len(head))
    if (found := parse_block(head)) is not None and found[0] == MANIFEST:
        return unsigned("les métadonnées de signature sont absentes")
    if head.startswith(first_name) and not is_tar_block(head):
        return altered(root_name(1), "son en-tête est abîmé")
    return _decompressed(head) or _foreign(head)


def _decompressed(head: bytes) -> ArchiveError | None:
    what = next((f"un fichier {kind}" for magic, kind in _COMPRESSED.items() if head.startswith(magic)), None)
    if head.startswith(b"\x28\xb5\x2f\xfd") or head.startswith(_MEMBERS):
        what = "une partie extraite de l'archive"
    elif is_tar_block(head):
        what = "une archive décompressée puis refaite, ou son contenu"
    if what is None:
        return None
    return ArchiveError(
        f"ce fichier est {what}, et non l'archive d'origine ; ne pas décompresser : {_AS_DOWNLOADED}"
        " (désactivez au besoin la décompression automatique du navigateur)",
        code="decompressed",
    )


def _foreign(head: bytes) -> ArchiveError:
    what = "ce fichier n'est pas une archive de mise à jour"
    if head.startswith(b"%PDF"):
        what = "ce fichier est un document PDF, sans doute la notice, et non l'archive de mise à jour"
    elif head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        what = "ce fichier est une page web enregistrée, et non l'archive de mise à jour"
    return ArchiveError(f"{what} ; {_AS_DOWNLOADED}, sans le décompresser", code="not_an_archive")
