"""What the vendor's repository offers, and which archive suits an installed release."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from packaging.version import Version

from ospi_supervisor.domain.versions import is_newer, parse_version, satisfies
from ospi_supervisor.errors import FeedError, RefusedError


class OfferKind(StrEnum):
    """What a target of the repository is."""

    FULL = "full"
    DELTA = "delta"
    NOTICE = "notice"


REPOSITORY_MARK = {"kind": "repository"}
"""The signed field `x-ospi` of `targets.json`; an archive's `release.json`, signed by the same keys, has another."""

CALL_SUPPORT = "rien n'a été installé ; contactez le support"

_SAFE_PATH = re.compile(r"([A-Za-z0-9][A-Za-z0-9._+-]{0,150}/)?[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
"""Names become file names on both sides: nothing that climbs, hides or needs quoting."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One target of the repository, as its signed metadata describe it. `size` is in bytes.

    `os` lists identifiers as a manifest does, none meaning any; `base` is the release that a delta applies to;
    `notice` is the path of the release's notice among the targets.
    """

    path: str
    size: int
    sha256: str
    kind: OfferKind
    product: str
    version: str
    requires: str = ""
    os: tuple[str, ...] = ()
    date: date
    base: str | None = None
    notice: str | None = None

    @property
    def stored_path(self) -> str:
        """Where the file lies below `targets/`: its hash comes first in its name (TUF's consistent snapshots)."""
        folder, slash, name = self.path.rpartition("/")
        return f"{folder}{slash}{self.sha256}.{name}"

    @property
    def filename(self) -> str:
        """The file's name for people."""
        return self.path.rpartition("/")[2]

    def custom(self) -> dict[str, Any]:
        """The `custom` field that says all this in `targets.json`; `read_offer` reads it."""
        fields: dict[str, Any] = {
            "kind": self.kind.value,
            "product": self.product,
            "version": self.version,
            "requires": self.requires,
            "os": list(self.os),
            "date": self.date.isoformat(),
        }
        optional = {"base": self.base, "notice": self.notice}
        return fields | {key: value for key, value in optional.items() if value is not None}


def read_offer(path: str, size: int, hashes: Mapping[str, str], custom: Mapping[str, Any]) -> Offer | None:
    """The offer that a target's signed metadata describe; None where its kind is one of tomorrow.

    FeedError where a field is missing or of the wrong form.
    """
    if custom.get("kind") not in list(OfferKind):
        return None
    try:
        if not _SAFE_PATH.fullmatch(path):
            raise ValueError("nom interdit")
        if not _SHA256.fullmatch(hashes["sha256"]):
            raise ValueError("empreinte illisible")
        offer = Offer(
            path=path,
            size=size,
            sha256=hashes["sha256"],
            kind=OfferKind(custom["kind"]),
            product=str(custom["product"]),
            version=str(custom["version"]),
            requires=str(custom["requires"]),
            os=tuple(str(name) for name in custom["os"]),
            date=date.fromisoformat(custom["date"]),
            base=None if custom.get("base") is None else str(custom["base"]),
            notice=None if custom.get("notice") is None else str(custom["notice"]),
        )
        parse_version(offer.version)
        satisfies(offer.version, offer.requires)
    except (KeyError, TypeError, ValueError, RefusedError) as error:
        raise FeedError(f"le dépôt décrit mal le fichier {path} ({error})", CALL_SUPPORT) from error
    return offer


def os_matches(accepted: Collection[str], os_id: str, os_version: str) -> bool:
    """Whether an operating system is one of `accepted` (`ID` or `ID-MAJOR` of os-release); none accepts any."""
    major = os_version.split(".", 1)[0]
    return not accepted or bool({os_id, f"{os_id}-{major}"} & set(accepted))


def repository_url(hosts: Mapping[str, str], os_id: str, os_version: str) -> str | None:
    """The repository for an operating system, the precise identifier first; None where none is configured."""
    major = os_version.split(".", 1)[0]
    url = hosts.get(f"{os_id}-{major}") or hosts.get(os_id)
    return None if url is None else url.rstrip("/") + "/"


def best_offer(offers: Iterable[Offer], *, product: str, installed: str, os_id: str, os_version: str) -> Offer | None:
    """The archive that takes `installed` to the newest release it can go to; None where it is the newest.

    Of that release the delta that applies to `installed` is taken, else the full archive.
    """
    candidates = [
        offer
        for offer in offers
        if offer.kind in (OfferKind.FULL, OfferKind.DELTA)
        and offer.product == product
        and is_newer(offer.version, installed)
        and satisfies(installed, offer.requires)
        and os_matches(offer.os, os_id, os_version)
        and (offer.kind is OfferKind.FULL or offer.base == installed)
    ]
    return max(candidates, key=_rank, default=None)


def _rank(offer: Offer) -> tuple[Version, bool]:
    return parse_version(offer.version), offer.kind is OfferKind.DELTA
