"""Whether a sound archive applies to the platform as it stands."""

import pytest

from ospi_supervisor import __version__
from ospi_supervisor.domain.acceptance import (
    check_applicable,
    check_not_locked,
    check_nothing_waits,
    check_own,
    check_turn_is_free,
)
from ospi_supervisor.domain.manifest import OWN_PRODUCT, ArchiveKind, Manifest, check_possible
from ospi_supervisor.errors import ARCHIVE_CODES, ArchiveError, BusyError, LockedVersionError, RefusedError

GOOD = Manifest(product="portail", version="11.6.0")
DEMANDING = Manifest(product="portail", version="11.6.0", supervisor=">=99")
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
        (DEMANDING, "portail", "11.5.0", "unsupported", "Superviseur en version 99 .* important son archive"),
    ],
)
def test_not_applicable(manifest: Manifest, product: str, installed: str, code: str, words: str) -> None:
    with pytest.raises(ArchiveError, match=words) as refusal:
        check_applicable(manifest, product, installed)
    assert refusal.value.code == code
    assert code in ARCHIVE_CODES


def test_a_version_that_failed_here_is_never_run_twice() -> None:
    check_not_locked("11.6.0", None)
    with pytest.raises(LockedVersionError, match=r"mise à jour n° 7.* contactez le support") as refusal:
        check_not_locked("11.6.0", 7)
    assert refusal.value.code == "locked"


@pytest.mark.parametrize(("prepared", "words"), [(True, "attend son heure"), (False, "est en cours")])
def test_another_update_begins_after_the_end_of_the_one_that_holds_the_turn(prepared: bool, words: str) -> None:
    check_turn_is_free(None, prepared=prepared)
    with pytest.raises(BusyError, match=f"mise à jour n° 3 .*{words}"):
        check_turn_is_free(3, prepared=prepared)


def test_nothing_is_installed_while_an_update_awaits_an_intervention() -> None:
    check_nothing_waits(None)
    with pytest.raises(RefusedError, match="n° 5 attend une intervention") as refusal:
        check_nothing_waits(5)
    assert refusal.value.code == "intervention"


def test_a_supervisor_that_is_new_enough_is_not_asked_for_more() -> None:
    manifest = Manifest(product="portail", version="11.6.0", supervisor=f">={__version__}")
    check_applicable(manifest, "portail", "11.5.0")


def test_a_demand_that_is_no_condition_is_refused() -> None:
    with pytest.raises(ArchiveError):
        check_possible(Manifest(product="portail", version="11.6.0", supervisor="récent"))


OWN = Manifest(product=OWN_PRODUCT, version="9.0", requires="", unpacked_bytes=100, hooks_bytes=50)


def test_this_very_program_asks_for_a_newer_version_and_for_room() -> None:
    check_own(OWN, "1.0", free=300)
    with pytest.raises(ArchiveError, match="n'est pas plus récente"):
        check_own(OWN, "9.0", free=300)
    with pytest.raises(RefusedError, match="faites de la place"):
        check_own(OWN, "1.0", free=299)
    with pytest.raises(ArchiveError, match="autre produit"):
        check_own(GOOD, "1.0", free=300)
    delta = Manifest(product=OWN_PRODUCT, version="9.0", requires="", kind=ArchiveKind.DELTA, base="1.0")
    with pytest.raises(ArchiveError, match="archive complète"):
        check_own(delta, "1.0", free=300)
