"""What one customer finds on « Mes logiciels »: a line a release, made from what the repository offers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from ospi_supervisor.domain.eligibility import SYSTEM_NAMES
from ospi_supervisor.domain.offers import Offer, OfferKind
from ospi_supervisor.domain.versions import in_words, parse_version

_MONTHS = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One release. `installed` is the customer's own release of that product, where the vendor knows it."""

    product: str
    version: str
    full: Offer | None
    deltas: tuple[Offer, ...]
    notice: Offer | None
    installed: str | None

    @property
    def main(self) -> Offer:
        """The archive that describes the line: a release may be offered as deltas only."""
        return self.full or self.deltas[0]

    @property
    def is_installed(self) -> bool:
        """Whether this is the release that the customer has."""
        return self.version == self.installed


def lines(offers: Iterable[Offer], products: Mapping[str, str | None]) -> list[Line]:
    """The releases of the customer's `products` (each with its installed release or None), the newest first.

    Of the deltas, those that apply to the installed release; all where it is not known.
    """
    mine = [offer for offer in offers if offer.product in products]
    by_path = {offer.path: offer for offer in mine}
    releases = {(offer.product, offer.version) for offer in mine if offer.kind is not OfferKind.NOTICE}
    found = []
    for product, version in sorted(releases, key=lambda key: parse_version(key[1]), reverse=True):
        of_release = [offer for offer in mine if (offer.product, offer.version) == (product, version)]
        deltas = [
            offer for offer in of_release if offer.kind is OfferKind.DELTA and products[product] in (None, offer.base)
        ]
        full = next((offer for offer in of_release if offer.kind is OfferKind.FULL), None)
        if full is None and not deltas:
            continue
        notice = by_path.get((full or deltas[0]).notice or "")
        found.append(
            Line(
                product=product,
                version=version,
                full=full,
                deltas=tuple(sorted(deltas, key=lambda offer: parse_version(offer.base or "0"), reverse=True)),
                notice=notice,
                installed=products[product],
            )
        )
    return found


def date_words(day: date) -> str:
    """A date in full: 1er juin 2026."""
    return f"{'1er' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year}"


def needs_words(offer: Offer) -> str:
    """What a release asks for, in words: the platform's version and its operating system."""
    words = in_words(offer.requires)
    systems = " ou ".join(SYSTEM_NAMES.get(name, name) for name in offer.os)
    version = f"plateforme {words}" if words else "toute version de la plateforme"
    return f"{version}, {systems}" if systems else version
