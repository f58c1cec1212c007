"""What clients see of a repository: the newest metadata of each role, and what they remember of it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile, Snapshot, TargetFile, Targets, Timestamp

from ospi_supervisor.domain.offers import REPOSITORY_MARK, Offer, read_offer
from ospi_supervisor.errors import FeedError, RefusedError
from ospi_supervisor.publisher.memory import Counters, seen

IDENTITY = "x-ospi-id"
"""The signed field of `targets.json` with the repository's identifier."""

Signers = Callable[[str], Sequence[CryptoSigner]]
"""The keys that sign for a role."""


@dataclass
class State:
    """What clients see: the newest metadata of each role, changed in memory before `commit`."""

    targets: Targets
    snapshot: Snapshot
    timestamp: Timestamp

    @property
    def identity(self) -> str:
        """What tells this repository from the vendor's others: signed, so that every copy of it bears it."""
        return str(self.targets.unrecognized_fields.get(IDENTITY, ""))

    @property
    def counters(self) -> Counters:
        """What clients remember of it."""
        return Counters(
            targets=self.targets.version,
            snapshot=self.snapshot.version,
            timestamp=self.timestamp.version,
            archives=tuple(sorted(self.targets.targets)),
        )

    def offers(self) -> list[Offer]:
        """The targets, described."""
        found = []
        for path, target in self.targets.targets.items():
            offer = read_offer(path, target.length, target.hashes, target.custom or {})
            found += [offer] if offer else []
        return found

    def add(self, offer: Offer) -> None:
        """List `offer`; RefusedError where its names are not fit for a repository."""
        custom = offer.custom()
        try:
            read_offer(offer.path, offer.size, {"sha256": offer.sha256}, custom)
        except FeedError as error:
            raise RefusedError(error.problem) from error
        hashes = {"sha256": offer.sha256}
        self.targets.targets[offer.path] = TargetFile(offer.size, hashes, offer.path, {"custom": custom})


def check_not_restored(keys: Path, state: State) -> None:
    """RefusedError where clients have seen more of this repository than is there: they would refuse it in silence."""
    known, here = seen(keys, state.identity), state.counters
    if here.is_behind(known):
        raise RefusedError(
            f"ce dépôt est revenu en arrière : vos clients en ont vu la date n° {known.timestamp}, il en est à la"
            f" n° {here.timestamp} (copie restaurée ?), et ils le refusent ; lancez « ospi-release doctor --repair »"
        )


def first_state(now: datetime) -> State:
    """What there is before the first publication."""
    # `commit` adds one to each version, so clients see versions 2 first, which is as good as any.
    targets = Targets(1, None, now, {}, None, {"x-ospi": REPOSITORY_MARK})
    return State(targets, Snapshot(1, None, now, {}), Timestamp(1, None, now, MetaFile(1)))


def meta_file(version: int, data: bytes) -> MetaFile:
    """What names a metadata file in the one above it."""
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
