"""What the vendor's repository offers, and which archive suits an installed release."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from packaging.version import Version

from ospi_supervisor import __version__
from ospi_supervisor.domain.manifest import Severity
from ospi_supervisor.domain.systems import names_of, os_matches
from ospi_supervisor.domain.versions import is_newer, is_same, parse_version, satisfies
from ospi_supervisor.errors import FeedError, RefusedError

Custom = dict[str, Any]
"""The signed field of a target, as JSON has it."""


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


Day = date
"""The type, beside an offer's field of that name."""


class Channel(StrEnum):
    """Which releases a server takes: pre-releases are for those who ask for them."""

    STABLE = "stable"
    PREVIEW = "préversions"


@dataclass(frozen=True, kw_only=True)
class Share:
    """From `start` (aware) on, `percent` of the servers may take a release at night."""

    percent: float
    start: datetime


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One target of the repository, as its signed metadata describe it. `size` is in bytes.

    `os` lists identifiers as a manifest does, none meaning any; `base` is the release that a delta applies to;
    `notice` is the path of the release's notice among the targets. `severity`, `fixes`, `support_until` and
    `supervisor` are the manifest's. `rollout` is in the order of its dates, none meaning everybody at once; `held` says
    why the vendor has stopped it: what is held is taken by hand only.
    """

    path: str
    size: int
    sha256: str
    kind: OfferKind
    product: str
    version: str
    requires: str = ""
    os: tuple[str, ...] = ()
    date: Day
    base: str | None = None
    notice: str | None = None
    severity: Severity | None = None
    fixes: tuple[str, ...] = ()
    support_until: Day | None = None
    rollout: tuple[Share, ...] = ()
    held: str | None = None
    supervisor: str = ""

    @property
    def channel(self) -> Channel:
        """The channel whose servers are offered it: a version such as 12.0rc1 says itself what it is."""
        return Channel.PREVIEW if parse_version(self.version).is_prerelease else Channel.STABLE

    @property
    def is_archive(self) -> bool:
        """Whether it can be installed."""
        return self.kind in (OfferKind.FULL, OfferKind.DELTA)

    @property
    def is_security(self) -> bool:
        """Whether its release mends what can be attacked."""
        return self.severity is not None or bool(self.fixes)

    @property
    def stored_path(self) -> str:
        """Where the file lies below `targets/`: its hash comes first in its name (TUF's consistent snapshots)."""
        folder, slash, name = self.path.rpartition("/")
        return f"{folder}{slash}{self.sha256}.{name}"

    @property
    def filename(self) -> str:
        """The file's name for people."""
        return self.path.rpartition("/")[2]

    def custom(self) -> Custom:
        """The `custom` field that says all this in `targets.json`; `read_offer` reads it."""
        fields: Custom = {
            "kind": self.kind.value,
            "product": self.product,
            "version": self.version,
            "requires": self.requires,
            "os": list(self.os),
            "date": self.date.isoformat(),
        }
        optional: Custom = {
            "base": self.base,
            "notice": self.notice,
            "severity": self.severity.value if self.severity else None,
            "fixes": list(self.fixes) or None,
            "support_until": self.support_until.isoformat() if self.support_until else None,
            "rollout": [[f"{share.percent:g}", share.start.isoformat()] for share in self.rollout] or None,
            "held": self.held,
            "supervisor": self.supervisor or None,
        }
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
        offer = Offer(path=path, size=size, sha256=hashes["sha256"], **_fields(custom), **_optional_fields(custom))
        parse_version(offer.version)
        satisfies(offer.version, offer.requires)
        satisfies(offer.version, offer.supervisor)
    except (KeyError, TypeError, ValueError, RefusedError) as error:
        raise FeedError(f"le dépôt décrit mal le fichier {path} ({error})", CALL_SUPPORT) from error
    return offer


def _fields(custom: Mapping[str, Any]) -> Custom:
    return {
        "kind": OfferKind(custom["kind"]),
        "product": str(custom["product"]),
        "version": str(custom["version"]),
        "requires": str(custom["requires"]),
        "os": tuple(str(name) for name in custom["os"]),
        "date": date.fromisoformat(custom["date"]),
    }


def _optional_fields(custom: Mapping[str, Any]) -> Custom:
    readers: dict[str, Callable[[Any], Any]] = {
        "base": str,
        "notice": str,
        "severity": Severity,
        "fixes": lambda names: tuple(str(name) for name in names),
        "support_until": date.fromisoformat,
        "rollout": lambda shares: tuple(_share(*share) for share in shares),
        "held": str,
        "supervisor": str,
    }
    return {name: read(custom[name]) for name, read in readers.items() if custom.get(name) is not None}


def _share(percent: str, start: str) -> Share:
    """Percents are text there: what is signed (canonical JSON) has no fractions."""
    share = Share(percent=float(percent), start=datetime.fromisoformat(start))
    if not 0 <= share.percent <= 100 or share.start.tzinfo is None:
        raise ValueError("déploiement progressif illisible")
    return share


def repository_url(hosts: Mapping[str, str], os_id: str, os_version: str) -> str | None:
    """The repository for an operating system, the precise identifier first; None where none is configured."""
    url = next((hosts[name] for name in names_of(os_id, os_version) if hosts.get(name)), None)
    return None if url is None else url.rstrip("/") + "/"


@dataclass(frozen=True, kw_only=True)
class Client:
    """The server that asks: what is installed on which system, which supervisor installs it, and which channel it
    follows."""

    product: str
    installed: str
    os_id: str
    os_version: str
    channel: Channel = Channel.STABLE
    supervisor: str = __version__

    def takes(self, offer: Offer) -> bool:
        """Whether `offer` is an archive for this server, wherever it may lead from."""
        return (
            offer.is_archive
            and offer.product == self.product
            and os_matches(offer.os, self.os_id, self.os_version)
            and satisfies(self.supervisor, offer.supervisor)
            and self.channel in (offer.channel, Channel.PREVIEW)
        )


def leads_from(offer: Offer, version: str) -> bool:
    """Whether the archive `offer` can be installed on release `version`."""
    based = offer.base is None or is_same(offer.base, version)
    return based and is_newer(offer.version, version) and satisfies(version, offer.requires)


def route(offers: Iterable[Offer], client: Client) -> list[Offer]:
    """The archives, in order, that lead to the newest release that can be reached, in as few steps as there are.

    A release that asks for another one before it (a required stop) is reached through it. Of each release the delta
    that applies is taken, else the full archive. Empty where nothing newer can be reached.
    """
    usable = sorted(filter(client.takes, offers), key=_rank, reverse=True)
    routes: dict[Version, list[Offer]] = {parse_version(client.installed): []}
    frontier = [(client.installed, list[Offer]())]
    while frontier:
        following = []
        for version, steps in frontier:
            for offer in usable:
                reached = parse_version(offer.version)
                if reached not in routes and leads_from(offer, version):
                    routes[reached] = [*steps, offer]
                    following.append((offer.version, routes[reached]))
        frontier = following
    return routes[max(routes)]


def best_offer(
    offers: Iterable[Offer],
    *,
    product: str,
    installed: str,
    os_id: str,
    os_version: str,
    channel: Channel = Channel.STABLE,
) -> Offer | None:
    """The first archive of the `route` from `installed`; None where nothing newer can be reached."""
    client = Client(product=product, installed=installed, os_id=os_id, os_version=os_version, channel=channel)
    return next(iter(route(offers, client)), None)


def _rank(offer: Offer) -> tuple[Version, bool]:
    return parse_version(offer.version), offer.kind is OfferKind.DELTA
