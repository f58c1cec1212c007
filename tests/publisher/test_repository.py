"""The vendor's repository, read by the hospitals' own client while the vendor publishes, withdraws and changes keys."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tuf.api.metadata import Metadata, Targets

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.offers import OfferKind, best_offer
from ospi_supervisor.errors import FeedError, RefusedError
from ospi_supervisor.feed.fetch import fetch
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.delta import build_delta
from ospi_supervisor.publisher.publication import hold, parse_rollout, publish, refresh, withdraw
from ospi_supervisor.publisher.repository import Repository
from tests.support.archives import NOTICE, PRODUCT, tampered
from tests.support.hospital import NOW, Hospital, archive, versions
from tests.support.http_server import Server


def test_a_published_archive_reaches_the_hospital_and_is_proven_there(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    source = archive(tmp_path, keys)
    publish(repository, keys, source, NOW)
    offers = hospital.check(server).offers
    offer = best_offer(offers, product=PRODUCT, installed="11.5.0", os_id="rocky", os_version="9")
    assert offer is not None
    path = fetch(Transport(), server.url, offer, tmp_path / "feed", progress=lambda _: None, check=lambda: None)
    assert path.read_bytes() == source.read_bytes()
    with Archive.open(path, Trust(hospital.root), NOW) as opened:
        assert opened.manifest.version == "11.6.0"
    notice = next(other for other in offers if other.path == offer.notice)
    assert (repository.targets / notice.stored_path).read_bytes() == NOTICE


def test_publishing_again_changes_nothing_but_the_date(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    source = archive(tmp_path, keys)
    first = publish(repository, keys, source, NOW)
    assert publish(repository, keys, source, NOW) == first
    assert versions(hospital.check(server)) == ["11.6.0"]


def test_other_contents_under_the_same_version_are_refused(tmp_path: Path, keys: Path, repository: Repository) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    with pytest.raises(RefusedError, match="déjà publié avec un autre contenu"):
        publish(repository, keys, archive(tmp_path, keys, text=b"other"), NOW)


def test_a_damaged_archive_is_not_published(tmp_path: Path, keys: Path, repository: Repository) -> None:
    bad = tampered(archive(tmp_path, keys), tmp_path / "bad.ospi")
    with pytest.raises(RefusedError, match="altérée"):
        publish(repository, keys, bad, NOW)
    assert repository.offers() == []


def test_clients_never_see_a_half_published_release(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    """A client reads as fast as it can while ten releases are published, one is withdrawn and the dates renewed."""
    sources = [archive(tmp_path, keys, f"11.6.{number}") for number in range(10)]
    publish(repository, keys, sources[0], NOW)
    seen: list[list[str]] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                catalogue = hospital.check(server)
                seen.append(versions(catalogue))
                for offer in catalogue.offers:
                    assert (repository.targets / offer.stored_path).stat().st_size == offer.size
        except BaseException as error:  # noqa: BLE001 - told by the test itself
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for source in sources[1:]:
            publish(repository, keys, source, NOW)
            refresh(repository, keys, NOW)
    finally:
        done.set()
        reader.join()
    assert failures == []
    assert len(seen) >= 3
    assert seen == sorted(seen)


@pytest.mark.parametrize("survivors", [0, 1, 2, 3])
def test_a_publication_that_was_cut_short_is_not_seen_and_can_be_made_again(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital, survivors: int
) -> None:
    """As a power cut leaves it: some of the new files are there, the timestamp is not."""
    publish(repository, keys, archive(tmp_path, keys), NOW)
    before = set(repository.folder.rglob("*"))
    written_last = {path: path.read_bytes() for path in (repository.metadata / "timestamp.json", keys / "seen.json")}
    newer = archive(tmp_path, keys, "11.7.0")
    publish(repository, keys, newer, NOW)
    new_files = sorted(path for path in set(repository.folder.rglob("*")) - before if path.is_file())
    for path in new_files[survivors:]:
        path.unlink()
    for path, data in written_last.items():
        path.write_bytes(data)
    assert versions(hospital.check(server)) == ["11.6.0"]
    publish(repository, keys, newer, NOW)
    assert versions(hospital.check(server)) == ["11.6.0", "11.7.0"]


def test_a_withdrawn_release_is_gone_with_its_files(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)
    gone = withdraw(repository, keys, PRODUCT, "11.6.0", NOW)
    assert {offer.kind for offer in gone} == {OfferKind.FULL, OfferKind.NOTICE}
    assert versions(hospital.check(server)) == ["11.7.0"]
    assert not any((repository.targets / offer.stored_path).exists() for offer in gone)
    with pytest.raises(RefusedError, match="n'est pas dans ce dépôt"):
        withdraw(repository, keys, PRODUCT, "11.6.0", NOW)


def test_a_repository_left_alone_is_refused_until_it_is_refreshed(
    tmp_path: Path, keys: Path, repository: Repository, server: Server, hospital: Hospital
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    refresh(repository, keys, NOW - timedelta(days=8))
    with pytest.raises(FeedError, match="date de validité"):
        hospital.check(server)
    refresh(repository, keys, NOW)
    assert versions(hospital.check(server)) == ["11.6.0"]


def test_refresh_needs_the_online_keys_only_and_warns_of_the_others(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    for role in ("root", "targets"):
        for path in (keys / "private").glob(f"{role}-*.pem"):
            path.unlink()
    assert refresh(repository, keys, NOW) == []
    warnings = refresh(repository, keys, NOW + timedelta(days=330))
    assert len(warnings) == 1
    assert "targets" in warnings[0]


def test_the_snapshot_is_renewed_before_its_end(tmp_path: Path, keys: Path, repository: Repository) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    assert len(list(repository.metadata.glob("*.snapshot.json"))) == 1
    refresh(repository, keys, NOW + timedelta(days=21))
    assert len(list(repository.metadata.glob("*.snapshot.json"))) == 2


def test_an_empty_repository_is_not_refreshed(keys: Path, repository: Repository) -> None:
    with pytest.raises(RefusedError, match="vide"):
        refresh(repository, keys, NOW)


def test_what_somebody_else_put_on_the_server_is_never_signed(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    path = next(repository.metadata.glob("*.targets.json"))
    metadata: Metadata[Targets] = Metadata.from_bytes(path.read_bytes())
    metadata.signed.targets[f"{PRODUCT}/evil.ospi"] = next(iter(metadata.signed.targets.values()))
    path.write_bytes(metadata.to_bytes())
    with pytest.raises(RefusedError, match="pas signé par les clés actuelles"):
        publish(repository, keys, archive(tmp_path, keys, "11.7.0"), NOW)


def test_two_publications_at_once(tmp_path: Path, keys: Path, repository: Repository) -> None:
    source = archive(tmp_path, keys)
    with repository.changing(keys, NOW), pytest.raises(RefusedError, match="une autre publication est en cours"):
        publish(repository, keys, source, NOW)


def test_a_missing_key_is_said_before_anything_is_written(tmp_path: Path, keys: Path, repository: Repository) -> None:
    source = archive(tmp_path, keys)
    (keys / "private" / "targets-1.pem").unlink()
    with pytest.raises(RefusedError, match="il en faut 2"):
        publish(repository, keys, source, NOW)
    assert list(repository.targets.iterdir()) == []


def test_the_commands(tmp_path: Path, keys: Path) -> None:
    source = archive(tmp_path, keys)
    where = ["--repository", str(tmp_path / "repository")]
    signing = [*where, "--keys", str(keys)]

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    assert f"{PRODUCT}-11.6.0.ospi publié" in run("publish", str(source), *signing).output
    assert f"{PRODUCT} 11.6.0  full" in run("list", *where).output
    assert '"version":"11.6.0"' in run("list", *where, "--json").output
    assert run("refresh", *signing).exit_code == 0
    assert "racine 2 publiée" in run("rotate-root", *signing).output
    assert "retiré" in run("withdraw", "11.6.0", "--product", PRODUCT, *signing).output
    again = run("withdraw", "11.6.0", "--product", PRODUCT, *signing)
    assert again.exit_code == 1
    assert "n'est pas dans ce dépôt" in again.stderr
    assert run("publish", str(source)).exit_code == 2


def test_one_delta_is_withdrawn_alone(tmp_path: Path, keys: Path, repository: Repository) -> None:
    old, new = archive(tmp_path, keys, "11.5.0"), archive(tmp_path, keys)
    build_delta(old, new, keys, NOW, NOW + timedelta(days=365), tmp_path / "delta.ospi")
    for file in (new, tmp_path / "delta.ospi"):
        publish(repository, keys, file, NOW)
    gone = withdraw(repository, keys, PRODUCT, "11.6.0", NOW, base="11.5.0")
    assert [offer.filename for offer in gone] == [f"{PRODUCT}-11.5.0-to-11.6.0.ospi"]
    assert {offer.kind for offer in repository.offers()} == {OfferKind.FULL, OfferKind.NOTICE}
    with pytest.raises(RefusedError, match=r"n'a pas d'archive depuis 11\.5\.0"):
        withdraw(repository, keys, PRODUCT, "11.6.0", NOW, base="11.5.0")


def test_shares_and_dates_are_signed_in_the_list(tmp_path: Path, keys: Path, repository: Repository) -> None:
    shares = parse_rollout("1%,10%,100%", "0,2,5", NOW)
    published = publish(repository, keys, archive(tmp_path, keys), NOW, shares)
    assert [share.percent for share in published.rollout] == [1, 10, 100]
    assert [(share.start - shares[0].start).days for share in published.rollout] == [0, 2, 5]
    assert published in repository.offers()


@pytest.mark.parametrize(
    ("shares", "days"),
    [
        ("1%", None),
        (None, "0"),
        ("1%,10%", "0"),
        ("10%,1%", "0,2"),
        ("1%,10%", "2,0"),
        ("0", "0"),
        ("101", "0"),
        ("x", "0"),
    ],
)
def test_shares_and_dates_that_do_not_fit_are_refused(shares: str | None, days: str | None) -> None:
    with pytest.raises(RefusedError, match="--days 0,2,5"):
        parse_rollout(shares, days, NOW)


def test_a_release_is_held_and_offered_again(tmp_path: Path, keys: Path, repository: Repository) -> None:
    publish(repository, keys, archive(tmp_path, keys), NOW)
    for reason in ("défaut trouvé", None):
        hold(repository, keys, PRODUCT, "11.6.0", reason, NOW)
        assert [offer.held for offer in repository.offers() if offer.is_archive] == [reason]


def test_the_archives_of_a_release_open_and_are_held_together(
    tmp_path: Path, keys: Path, repository: Repository
) -> None:
    """A delta must not bring at once what the full archive opens by shares, in whatever order they are published."""
    old, new = archive(tmp_path, keys, "11.5.0"), archive(tmp_path, keys)
    delta = tmp_path / "delta.ospi"
    build_delta(old, new, keys, NOW, NOW + timedelta(days=365), delta)
    shares = parse_rollout("1%,100%", "0,5", NOW)
    publish(repository, keys, delta, NOW)
    publish(repository, keys, new, NOW, shares)
    assert {offer.rollout for offer in repository.offers() if offer.is_archive} == {shares}
    withdraw(repository, keys, PRODUCT, "11.6.0", NOW, base="11.5.0")
    hold(repository, keys, PRODUCT, "11.6.0", "défaut", NOW)
    publish(repository, keys, delta, NOW)
    archives = [offer for offer in repository.offers() if offer.is_archive]
    assert [(offer.rollout, offer.held) for offer in archives] == [(shares, "défaut")] * 2
