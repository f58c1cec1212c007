"""Choosing an archive among those that the repository offers."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from ospi_supervisor.domain.manifest import Severity
from ospi_supervisor.domain.offers import Offer, OfferKind, Share, best_offer, read_offer, repository_url
from ospi_supervisor.errors import FeedError

SHA256 = "ab" * 32
HOSTS = {"centos-7": "https://api.pmsipilot.com/repository/", "rocky": "https://api.r9-pmsipilot.com/repository/"}


def offer(version: str, base: str | None = None, **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "path": f"pmsipilot/{version}-{base}.ospi",
        "size": 10,
        "sha256": SHA256,
        "kind": OfferKind.DELTA if base else OfferKind.FULL,
        "product": "pmsipilot",
        "version": version,
        "requires": ">=10.0.0",
        "date": date(2026, 6, 1),
        "base": base,
    }
    return Offer(**fields | changes)


FULL = offer("11.6.0")
DELTA = offer("11.6.0", "11.5.0")


@pytest.mark.parametrize(
    ("case", "offers", "expected"),
    [
        ("nothing", [], None),
        ("only what is installed", [offer("11.5.0"), offer("11.4.0")], None),
        ("the full archive", [FULL], FULL),
        ("the delta before the full archive", [DELTA, FULL], DELTA),
        ("another release's delta", [offer("11.6.0", "11.4.0"), FULL], FULL),
        ("the newest release, numbers compared as numbers", [offer("11.10.0"), offer("11.9.0")], offer("11.10.0")),
        ("the newest, though an older one has a delta", [offer("11.7.0"), DELTA, FULL], offer("11.7.0")),
        ("an intermediate release first", [offer("12.0.0", requires=">=11.6.0"), DELTA], DELTA),
        ("another product's", [offer("11.6.0", product="autre")], None),
        ("another system's", [offer("11.6.0", os=("rocky",))], None),
        ("this system's", [offer("11.6.0", os=("centos-7",))], offer("11.6.0", os=("centos-7",))),
        ("a notice is no archive", [offer("11.6.0", kind=OfferKind.NOTICE)], None),
    ],
)
def test_the_best_archive(case: str, offers: list[Offer], expected: Offer | None) -> None:
    for order in (offers, offers[::-1]):
        found = best_offer(order, product="pmsipilot", installed="11.5.0", os_id="centos", os_version="7.9.2009")
        assert found == expected, case


FULLY_DESCRIBED = offer(
    "11.6.0",
    severity=Severity.CRITICAL,
    fixes=("CVE-2026-1234",),
    support_until=date(2028, 1, 1),
    rollout=(Share(percent=1, start=datetime(2026, 6, 1, tzinfo=UTC)),),
    held="défaut",
)


@pytest.mark.parametrize(
    "original", [FULL, DELTA, FULLY_DESCRIBED, offer("11.6.0", os=("rocky-9",), notice="pmsipilot/n.pdf")]
)
def test_what_the_metadata_say_is_read_back(original: Offer) -> None:
    hashes = {"sha256": original.sha256}
    assert read_offer(original.path, original.size, hashes, original.custom()) == original


def test_a_kind_of_tomorrow_is_left_aside() -> None:
    assert read_offer("x", 1, {}, {"kind": "hologram"}) is None
    assert read_offer("x", 1, {}, {}) is None
    assert read_offer("x", 1, {}, {"kind": ["full"]}) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "la dernière"},
        {"date": "hier"},
        {"os": None},
        {"requires": "au moins dix"},
        {"date": 3},
        {"severity": "terrible"},
        {"rollout": [[200, "2026-06-01T00:00:00+00:00"]]},
        {"rollout": [[1, "2026-06-01"]]},
        {"rollout": [1]},
        {"fixes": 4},
        {"support_until": "toujours"},
    ],
)
def test_a_badly_described_target_is_refused_with_its_name(changes: dict[str, Any]) -> None:
    with pytest.raises(FeedError, match=r"pmsipilot/x\.ospi"):
        read_offer("pmsipilot/x.ospi", 1, {"sha256": SHA256}, FULL.custom() | changes)


def test_the_stored_name_begins_with_the_hash() -> None:
    assert FULL.stored_path == f"pmsipilot/{SHA256}.11.6.0-None.ospi"
    assert offer("1.0", path="racine.ospi").stored_path == f"{SHA256}.racine.ospi"


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../x", "a/b/c", ".hidden", "a/.b", "a b", "a\n", "a/", "é"]
)
def test_a_path_that_could_escape_is_refused(path: str) -> None:
    with pytest.raises(FeedError, match="nom interdit"):
        read_offer(path, 1, {"sha256": SHA256}, FULL.custom())


def test_a_hash_that_is_none_is_refused() -> None:
    with pytest.raises(FeedError, match="empreinte"):
        read_offer("x", 1, {"sha256": "../" + SHA256}, FULL.custom())


@pytest.mark.parametrize(
    ("os_id", "os_version", "url"),
    [
        ("centos", "7", "https://api.pmsipilot.com/repository/"),
        ("rocky", "9.4", "https://api.r9-pmsipilot.com/repository/"),
        ("centos", "8", None),
        ("debian", "12", None),
    ],
)
def test_each_system_has_its_update_server(os_id: str, os_version: str, url: str | None) -> None:
    assert repository_url(HOSTS, os_id, os_version) == url


def test_the_precise_system_comes_first() -> None:
    hosts = {"rocky": "https://any", "rocky-9": "https://nine/"}
    assert repository_url(hosts, "rocky", "9.4") == "https://nine/"
    assert repository_url(hosts, "rocky", "8.9") == "https://any/"
