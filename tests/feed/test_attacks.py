"""python-tuf's attack list against our client, over real HTTP: nothing is offered, and the reason is said."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.metadata import Metadata, Targets

from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError, FeedError
from tests.support.http_server import Server
from tests.support.looking import run
from tests.support.vendor import Vendor, meta_file, sign

PAST = datetime(2020, 1, 1, tzinfo=UTC)


def arbitrary(vendor: Vendor) -> None:
    """Somebody else's repository, whole and consistent."""
    stranger = [CryptoSigner.generate_ed25519() for _ in range(2)]
    vendor.publish(target_signers=stranger)


def rollback_timestamp(vendor: Vendor) -> None:
    vendor.timestamp.version -= 2
    vendor.publish_timestamp()


def rollback_snapshot(vendor: Vendor) -> None:
    """The timestamp's key alone was stolen: it points at an older snapshot."""
    vendor.timestamp.snapshot_meta = meta_file(1, b"")
    vendor.publish_timestamp()


def rollback_targets(vendor: Vendor) -> None:
    vendor.snapshot.meta["targets.json"] = meta_file(1, b"")
    vendor.publish_snapshot()


def forgotten_targets(vendor: Vendor) -> None:
    del vendor.snapshot.meta["targets.json"]
    vendor.publish_snapshot()


def frozen_timestamp(vendor: Vendor) -> None:
    vendor.timestamp.expires = PAST
    vendor.publish_timestamp()


def frozen_snapshot(vendor: Vendor) -> None:
    vendor.snapshot.expires = PAST
    vendor.publish_snapshot()


def frozen_targets(vendor: Vendor) -> None:
    vendor.targets.expires = PAST
    vendor.publish()


def expired_root(vendor: Vendor) -> None:
    vendor.root.expires = PAST
    vendor.rotate()


def mix_and_match(vendor: Vendor) -> None:
    """The snapshot of one moment with the targets of another, all rightly signed."""
    vendor.add("11.7.0", b"newer")
    vendor.publish()
    version = vendor.targets.version
    vendor.targets.targets.clear()
    (vendor.metadata / f"{version}.targets.json").write_bytes(sign(vendor.targets, vendor.signers["targets"]))


def wrong_key(vendor: Vendor) -> None:
    vendor.publish_timestamp([CryptoSigner.generate_ed25519()])


def unsigned(vendor: Vendor) -> None:
    vendor.publish(sign(vendor.targets, []))


def below_threshold(vendor: Vendor) -> None:
    """One of the three keys of the targets was stolen; two must sign."""
    vendor.add("11.7.0", b"malware")
    vendor.publish(target_signers=vendor.signers["targets"][2:])


def same_key_twice(vendor: Vendor) -> None:
    metadata = Metadata.from_bytes(sign(vendor.targets, vendor.signers["targets"][2:]))
    stolen = next(iter(metadata.signatures.values())).signature
    other = vendor.root.roles["targets"].keyids[0]
    metadata.signatures[other] = Signature(other, stolen)
    vendor.publish(metadata.to_bytes())


def stolen_root(vendor: Vendor) -> None:
    """A root that the old one has not signed."""
    vendor.rotate(signed_by_old=False)


def release_as_targets(vendor: Vendor) -> None:
    """An archive's release.json, rightly signed, offered as the repository's list by whom stole the online keys."""
    stamp = {"kind": "release", "product": "pmsipilot", "version": "11.6.0"}
    release = Targets(9, None, vendor.targets.expires, vendor.targets.targets, None, {"x-ospi": stamp})
    vendor.publish(sign(release, vendor.signers["targets"][:2]))


def unmarked_targets(vendor: Vendor) -> None:
    vendor.targets.unrecognized_fields.clear()
    vendor.publish()


def hostile_name(vendor: Vendor) -> None:
    path = vendor.add("11.6.0", b"x").path
    target = vendor.targets.targets.pop(path)
    target.path = "../../etc/cron.d/x"
    vendor.targets.targets[target.path] = target
    vendor.publish()


def not_metadata(vendor: Vendor) -> None:
    """A portal that answers everything with its own page."""
    (vendor.metadata / "timestamp.json").write_bytes(b"<html>Bienvenue</html>")


def endless_timestamp(vendor: Vendor) -> None:
    (vendor.metadata / "timestamp.json").write_bytes(b" " * 1_000_000)


def endless_root(vendor: Vendor) -> None:
    (vendor.metadata / "2.root.json").write_bytes(b" " * 10_000_000)


def long_targets(vendor: Vendor) -> None:
    """More bytes than the snapshot announced."""
    vendor.publish()
    path = vendor.metadata / f"{vendor.targets.version}.targets.json"
    path.write_bytes(path.read_bytes() + b" " * 1000)


SIGNED = "n'est pas signé par les clés"
OLD = "plus anciennes que celles déjà reçues"
STALE = "dépassé leur date de validité"
MIXED = "ne s'accordent pas"
LONG = "plus de données qu'annoncé"

ATTACKS: list[tuple[Callable[[Vendor], None], str]] = [
    (arbitrary, SIGNED),
    (forgotten_targets, MIXED),
    (frozen_timestamp, STALE),
    (frozen_snapshot, STALE),
    (frozen_targets, STALE),
    (expired_root, STALE),
    (mix_and_match, MIXED),
    (wrong_key, SIGNED),
    (unsigned, SIGNED),
    (below_threshold, SIGNED),
    (same_key_twice, SIGNED),
    (stolen_root, SIGNED),
    (release_as_targets, MIXED),
    (unmarked_targets, MIXED),
    (hostile_name, "nom interdit"),
    (not_metadata, "n'est pas celle d'un dépôt"),
    (endless_timestamp, LONG),
    (endless_root, LONG),
    (long_targets, LONG),
]


ROLLBACKS = [rollback_timestamp, rollback_snapshot, rollback_targets]
CASES = [(attack, words, seen) for attack, words in ATTACKS for seen in (True, False)]
# There is no going back for whom has seen nothing yet.
CASES += [(attack, OLD, True) for attack in ROLLBACKS]


@pytest.mark.parametrize(("attack", "words", "seen_before"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_an_attack_is_refused_with_its_reason(
    server: Server, vendor: Vendor, state: Path, attack: Callable[[Vendor], None], words: str, seen_before: bool
) -> None:
    if seen_before:
        run(server, vendor, state)
    attack(vendor)
    with pytest.raises(FeedError) as caught:
        run(server, vendor, state)
    assert words in str(caught.value)
    assert not caught.value.transient


@pytest.mark.parametrize("attack", [attack for attack, _ in ATTACKS if attack is not stolen_root])
def test_the_repository_is_followed_again_once_it_is_right(
    server: Server, vendor: Vendor, state: Path, attack: Callable[[Vendor], None]
) -> None:
    """A refusal leaves no state that would hold off the rightful repository."""
    before = {path: path.read_bytes() for path in vendor.metadata.iterdir()}
    run(server, vendor, state)
    targets = dict(vendor.targets.targets)
    mark, later = dict(vendor.targets.unrecognized_fields), vendor.timestamp.expires + timedelta(days=1)
    attack(vendor)
    with pytest.raises(FeedError):
        run(server, vendor, state)
    for path in vendor.metadata.iterdir():
        if path not in before and path.name.endswith("root.json") and attack is not expired_root:
            path.unlink()
    vendor.targets.targets, vendor.targets.unrecognized_fields = targets, mark
    for signed in (vendor.root, vendor.targets, vendor.snapshot, vendor.timestamp):
        signed.expires = later
    vendor.targets.version = max(vendor.targets.version, 9)
    if attack is expired_root:
        vendor.rotate()
    vendor.publish()
    assert run(server, vendor, state).offers


def test_the_repositorys_list_is_no_archives_metadata(vendor: Vendor) -> None:
    """The other way round: the same keys signed it, for another purpose."""
    listed = (vendor.metadata / f"{vendor.targets.version}.targets.json").read_bytes()
    with pytest.raises(ArchiveError, match="pas celles d'une version") as caught:
        Trust(vendor.first_root).verify_release(listed)
    assert caught.value.code == "tampered"


@pytest.mark.parametrize("attack", [endless_timestamp, endless_root, long_targets])
def test_a_refusal_on_the_way_closes_the_connection_at_once(
    server: Server, vendor: Vendor, state: Path, attack: Callable[[Vendor], None]
) -> None:
    attack(vendor)
    with pytest.raises(FeedError) as refusal:
        run(server, vendor, state)
    assert refusal.tb is not None  # which keeps all that was at work
    assert not server.clients()
