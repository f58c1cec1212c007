"""Whether an archive, whatever its merits, applies to this platform as it stands."""

from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.domain.versions import in_words, is_newer, satisfies
from ospi_supervisor.errors import ArchiveError, RefusedError


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


def check_newer(version: str, installed: str) -> None:
    """ArchiveError where `version` is not newer than the installed one: another update may have brought it since."""
    if not is_newer(version, installed):
        raise ArchiveError(
            f"la version {version} n'est pas plus récente que la version installée ({installed}) ;"
            " il n'y a rien à installer",
            code="downgrade",
        )


def check_nothing_waits(waiting: int | None) -> None:
    """RefusedError where the update of that number awaits an intervention: nothing is installed before (rule 8)."""
    if waiting is not None:
        raise RefusedError(
            f"la mise à jour n° {waiting} attend une intervention ; rien ne peut être installé avant : contactez"
            " le support",
            code="intervention",
        )
