"""Whether a sound archive applies to the platform as it stands."""

import pytest

from ospi_supervisor.domain.acceptance import check_applicable
from ospi_supervisor.domain.manifest import ArchiveKind, Manifest
from ospi_supervisor.errors import ARCHIVE_CODES, ArchiveError

GOOD = Manifest(product="portail", version="11.6.0")
DELTA = Manifest(product="portail", version="11.6.0", kind=ArchiveKind.DELTA, base="11.5.0")


@pytest.mark.parametrize(("manifest", "installed"), [(GOOD, "11.5.0"), (GOOD, "10.0.0"), (DELTA, "11.5.0")])
def test_applicable(manifest: Manifest, installed: str) -> None:
    check_applicable(manifest, "portail", installed)


@pytest.mark.parametrize(
    ("manifest", "product", "installed", "code", "words"),
    [
        (GOOD, "autre", "11.5.0", "wrong_product", "celle d'un autre produit .*; cette plateforme"),
        (GOOD, "portail", "11.6.0", "downgrade", "n'est pas plus récente"),
        (GOOD, "portail", "11.7.0", "downgrade", "n'est pas plus récente"),
        (GOOD, "portail", "9.0.0", "platform_too_old", "installez d'abord une version intermédiaire"),
        (DELTA, "portail", "11.4.0", "wrong_base", "téléchargez l'archive complète"),
    ],
)
def test_not_applicable(manifest: Manifest, product: str, installed: str, code: str, words: str) -> None:
    with pytest.raises(ArchiveError, match=words) as refusal:
        check_applicable(manifest, product, installed)
    assert refusal.value.code == code
    assert code in ARCHIVE_CODES
