"""Whether an archive, whatever its merits, applies to this platform as it stands."""

from datetime import datetime

from ospi_supervisor import __version__
from ospi_supervisor.domain.manifest import OWN_PRODUCT, Manifest
from ospi_supervisor.domain.versions import in_words, is_newer, satisfies
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import ArchiveError, BusyError, LockedVersionError, RefusedError


def check_applicable(manifest: Manifest, product: str, installed: str) -> None:
    """ArchiveError where the release is another product's, not newer, or for another platform than this one.

    `installed` is the version that the link `current` names.
    """
    if manifest.product != product:
        raise ArchiveError(
            f"cette archive est celle d'un autre produit ({manifest.product}) ; cette plateforme est {product} :"
            " téléchargez l'archive de votre produit dans l'Espace utilisateur",
            code="wrong_product",
        )
    check_newer(manifest.version, installed)
    if not satisfies(__version__, manifest.supervisor):
        raise ArchiveError(
            f"la version {manifest.version} demande le Superviseur en version {in_words(manifest.supervisor)} ;"
            f" celui-ci est en {__version__} : mettez-le d'abord à jour, en important son archive"
            f" ({OWN_PRODUCT}-….ospi, dans l'Espace utilisateur) ou par son fichier d'installation",
            code="unsupported",
        )
    if not satisfies(installed, manifest.requires):
        raise ArchiveError(
            f"la version {manifest.version} demande une plateforme en version {in_words(manifest.requires)} ;"
            f" la vôtre est en {installed} : installez d'abord une version intermédiaire",
            code="platform_too_old",
        )
    if manifest.base is not None and manifest.base != installed:
        raise ArchiveError(
            f"cette archive différentielle s'applique à la version {manifest.base} ; la vôtre est en {installed} :"
            f" téléchargez l'archive complète de la version {manifest.version}",
            code="wrong_base",
        )


def check_own(manifest: Manifest, running: str, *, free: int) -> None:
    """ArchiveError where this program's archive is not for the one that runs, RefusedError where its disk has not that
    many bytes `free`."""
    check_applicable(manifest, OWN_PRODUCT, running)
    if manifest.base is not None:
        raise ArchiveError("le Superviseur se met à jour par son archive complète ; téléchargez-la", code="wrong_base")
    needed = 2 * (manifest.unpacked_bytes + manifest.hooks_bytes)
    if free < needed:
        raise RefusedError(
            f"il faut {size(needed)} libres sur le disque du programme, il en reste {size(free)} ; faites de la place",
            code="no_room",
        )


def check_own_hour(switch_at: datetime | None) -> None:
    """RefusedError where this program's update is to be prepared for an hour: it takes the platform from nobody, and
    nothing in it waits."""
    if switch_at is not None:
        raise RefusedError(
            "une mise à jour du Superviseur ne se prépare pas pour une heure ; choisissez « Maintenant » ou « Tout"
            " commencer plus tard »",
            code="unsupported",
        )


def check_newer(version: str, installed: str) -> None:
    """ArchiveError where `version` is not newer than the installed one: another update may have brought it since."""
    if not is_newer(version, installed):
        raise ArchiveError(
            f"la version {version} n'est pas plus récente que la version installée ({installed}) ;"
            " il n'y a rien à installer",
            code="downgrade",
        )


def check_not_locked(version: str, locked_by: int | None) -> None:
    """LockedVersionError where the update `locked_by` failed with that version: it is never run twice (rule 8)."""
    if locked_by is not None:
        raise LockedVersionError(
            f"la version {version} a déjà échoué sur cette plateforme (mise à jour n° {locked_by}) et ne peut pas être"
            " relancée ; contactez le support",
            code="locked",
        )


def check_turn_is_free(under_way: int | None, *, prepared: bool) -> None:
    """BusyError where the update of that number holds the turn, be it `prepared`: another begins after its end."""
    if under_way is None:
        return
    if prepared:
        raise BusyError(
            f"la mise à jour n° {under_way} est prête et attend son heure ; attendez sa fin, ou annulez-la d'abord"
        )
    raise BusyError(f"la mise à jour n° {under_way} est en cours ; attendez sa fin")


def check_nothing_waits(waiting: int | None) -> None:
    """RefusedError where the update of that number awaits an intervention: nothing is installed before (rule 8)."""
    if waiting is not None:
        raise RefusedError(
            f"la mise à jour n° {waiting} attend une intervention ; rien ne peut être installé avant : contactez"
            " le support",
            code="intervention",
        )
