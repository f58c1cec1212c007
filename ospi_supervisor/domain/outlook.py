"""What the repository holds for one server: the way that leads on, and why the newest release is not on it.

A release that cannot be had is told with its reason and its cure: « nothing to do » is said only where nothing is.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from packaging.utils import canonicalize_version

from ospi_supervisor.domain.offers import Channel, Client, Offer, route
from ospi_supervisor.domain.put_off import PutOff
from ospi_supervisor.domain.systems import os_matches
from ospi_supervisor.domain.versions import in_words, is_newer, is_same, parse_version, satisfies

_SUPPORT = "Contactez le support"
_ANOTHER_SUPERVISOR = (
    "Mettez d'abord le Superviseur à jour : téléchargez son archive dans l'Espace utilisateur, puis importez-la ; la"
    " nuit la prend aussi, dès que le dépôt la propose."
)
_IMPORT = "téléchargez-la dans l'Espace utilisateur, puis importez-la (onglet Import)"
_BY_HAND = f"pour l'installer sans attendre, {_IMPORT}"


class Obstacle(StrEnum):
    """Why a release is not taken."""

    PRODUCT = "product"
    SYSTEM = "system"
    BASE = "base"
    REQUIRES = "requires"
    ROLLOUT = "rollout"
    HELD = "held"
    PUT_OFF = "put_off"
    NOT_SECURITY = "not_security"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """A release that is not taken: why, and what to do about it, in French. `waits` where time alone will tell."""

    version: str
    obstacle: Obstacle
    reason: str
    cure: str
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """`path` holds the releases that lead on from the installed one, in order; `blocked` is the newest release of this
    server's channel where it is not the end of that path, or not tonight; `offer` is the archive to take now."""

    path: tuple[str, ...] = ()
    blocked: Blocked | None = None
    offer: Offer | None = None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a server takes by itself at `now` (aware). `server` is its stable name, from which its shares follow."""

    server: str
    now: datetime
    security_only: bool = False
    put_off: Collection[PutOff] = ()

    def withheld(self, offer: Offer) -> Blocked | None:
        """Why `offer` is not taken tonight, None where it is."""
        return self._by_administrator(offer) or self._by_vendor(offer)

    def _by_administrator(self, offer: Offer) -> Blocked | None:
        for item in self.put_off:
            if item.holds(offer.version, self.now.date()):
                until = f", pas avant le {item.until:%d/%m/%Y}," if item.until else " jusqu'à nouvel ordre"
                reason = f"reportée{until} par {item.by} : {item.reason}"
                return _waiting(offer, Obstacle.PUT_OFF, reason, f"Levez ce report ou, {_BY_HAND}.")
        if self.security_only and not offer.is_security:
            reason = "ce n'est pas une version de sécurité, et update.auto.disable vaut NON"
            return _waiting(offer, Obstacle.NOT_SECURITY, reason, f"{_IMPORT[0].upper()}{_IMPORT[1:]}.")
        return None

    def _by_vendor(self, offer: Offer) -> Blocked | None:
        if offer.held is not None:
            reason = f"suspendue par l'éditeur : {offer.held}"
            cure = "Attendez sa reprise ; s'il vous la faut avant, appelez le support."
            return _waiting(offer, Obstacle.HELD, reason, cure)
        start = opening(offer, self.server)
        if start is None:
            return _waiting(offer, Obstacle.ROLLOUT, "pas encore ouverte à ce serveur", f"Rien à faire ; {_BY_HAND}.")
        if start > self.now:
            reason = f"déploiement progressif, ouverte à ce serveur à partir du {start:%d/%m/%Y}"
            return _waiting(offer, Obstacle.ROLLOUT, reason, f"Rien à faire ; {_BY_HAND}.")
        return None


def place(server: str, product: str, version: str) -> float:
    """Where a server stands among all, from 0 to 100, for one release: always the same, evenly spread over the servers,
    and another for another release, so that it is not always the same ones that go first."""
    digest = hashlib.sha256(f"{server}\n{product}\n{canonicalize_version(version)}".encode()).digest()
    return 100 * int.from_bytes(digest[:8]) / 2**64


def opening(offer: Offer, server: str) -> datetime | None:
    """From when on `server` may take `offer` by itself (the beginning of time where it is everybody's); None: never."""
    if not offer.rollout:
        return datetime.min.replace(tzinfo=UTC)
    mine = place(server, offer.product, offer.version)
    return min((share.start for share in offer.rollout if mine < share.percent), default=None)


def look(offers: Iterable[Offer], client: Client, policy: Policy | None = None) -> Outlook:
    """What `offers` hold for `client`; without a `policy`, as for somebody who takes them by hand."""
    known = [offer for offer in offers if offer.is_archive]
    reachable = route(known, client)
    tonight = reachable
    if policy is not None:
        tonight = route((offer for offer in known if policy.withheld(offer) is None), client)
    return Outlook(
        path=tuple(offer.version for offer in reachable),
        blocked=_blocked(known, client, policy, reachable, tonight),
        offer=next(iter(tonight), None),
    )


def _blocked(
    known: Sequence[Offer],
    client: Client,
    policy: Policy | None,
    reachable: Sequence[Offer],
    tonight: Sequence[Offer],
) -> Blocked | None:
    mine = [offer for offer in known if offer.product == client.product]
    if known and not mine:
        reason = f"le dépôt ne présente aucune version de « {client.product} »"
        cure = f"Vérifiez « platform.product » dans la configuration, puis {_SUPPORT[0].lower()}{_SUPPORT[1:]}."
        return Blocked(version="", obstacle=Obstacle.PRODUCT, reason=reason, cure=cure)
    listed = [offer for offer in mine if client.channel in (offer.channel, Channel.PREVIEW)]
    newest = max((offer.version for offer in listed), key=parse_version, default=client.installed)
    if not is_newer(newest, client.installed) or _ends_at(tonight, newest):
        return None
    if _ends_at(reachable, newest) and policy is not None:
        return next(filter(None, map(policy.withheld, reachable)), None)
    reached = [client.installed, *(offer.version for offer in reachable)]
    return _dead_end([offer for offer in listed if is_same(offer.version, newest)], client, reached)


def _ends_at(steps: Sequence[Offer], version: str) -> bool:
    return bool(steps) and is_same(steps[-1].version, version)


def _dead_end(archives: Sequence[Offer], client: Client, reached: Sequence[str]) -> Blocked:
    """Why no way leads to the release that `archives` hold, from the last of the releases `reached`."""
    version = archives[0].version
    served = [offer for offer in archives if os_matches(offer.os, client.os_id, client.os_version)]
    if not served:
        systems = ", ".join(sorted({name for offer in archives for name in offer.os}))
        reason = f"elle n'est pas proposée pour le système de ce serveur, mais pour : {systems}"
        cure = f"{_SUPPORT} pour préparer le passage de ce serveur à un système pris en charge."
        return Blocked(version=version, obstacle=Obstacle.SYSTEM, reason=reason, cure=cure)
    if not any(satisfies(client.supervisor, offer.supervisor) for offer in served):
        needed = in_words(served[0].supervisor)
        reason = f"elle demande le Superviseur en version {needed} ; celui-ci est en {client.supervisor}"
        return Blocked(version=version, obstacle=Obstacle.SUPERVISOR, reason=reason, cure=_ANOTHER_SUPERVISOR)
    fitting = [offer for offer in served if offer.base is None]
    if not fitting:
        bases = ", ".join(sorted({offer.base or "" for offer in served}, key=parse_version))
        reason = f"elle n'est proposée que depuis : {bases}"
        cure = f"{_SUPPORT} et demandez l'archive complète de la version {version}."
        return Blocked(version=version, obstacle=Obstacle.BASE, reason=reason, cure=cure)
    needed = in_words(fitting[0].requires)
    reason = f"elle demande une plateforme en version {needed}, et rien dans le dépôt n'y mène depuis {reached[-1]}"
    cure = f"{_SUPPORT} : une version intermédiaire manque au dépôt."
    return Blocked(version=version, obstacle=Obstacle.REQUIRES, reason=reason, cure=cure)


def _waiting(offer: Offer, obstacle: Obstacle, reason: str, cure: str) -> Blocked:
    return Blocked(version=offer.version, obstacle=obstacle, reason=reason, cure=cure, waits=True)
