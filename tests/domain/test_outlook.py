"""What a server is told of the releases that it cannot have, and which share of the servers goes first."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ospi_supervisor.domain.manifest import Severity
from ospi_supervisor.domain.offers import Channel, Client, Offer, OfferKind, Share, route
from ospi_supervisor.domain.outlook import Obstacle, Policy, look, place
from ospi_supervisor.domain.put_off import PutOff

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CLIENT = Client(product="p", installed="11.5.0", os_id="centos", os_version="7.9")
SERVERS = [f"hopital-{number}" for number in range(5000)]
ROLLOUT = tuple(Share(percent=percent, start=NOW + timedelta(days=day)) for percent, day in ((1, 0), (10, 2), (100, 5)))

LADDER = tuple(f"12.{n}" for n in range(30))


def offer(version: str, base: str | None = None, **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "path": f"p/{version}-{base}.ospi",
        "size": 1,
        "sha256": "0" * 64,
        "kind": OfferKind.DELTA if base else OfferKind.FULL,
        "product": "p",
        "version": version,
        "requires": ">=10",
        "date": date(2026, 6, 1),
        "base": base,
    }
    return Offer(**fields | changes)


@pytest.mark.parametrize(
    ("offers", "path"),
    [
        ([offer("12.0"), offer("13.0", requires=">=12.0")], ("12.0", "13.0")),
        ([offer("12.0"), offer("12.5"), offer("13.0", requires=">=12.0")], ("12.5", "13.0")),
        ([offer("11.9"), offer("12.1"), offer("13.0", requires=">=11.9,<12")], ("11.9", "13.0")),
        ([offer("12.0"), offer("13.0", "12.0")], ("12.0", "13.0")),
        ([offer("12.0"), offer("13.0")], ("13.0",)),
        ([offer(f"12.{n}", requires=f">=12.{n - 1}" if n else "") for n in range(30)], LADDER),
        ([offer("12.0rc1")], ()),
        ([], ()),
    ],
)
def test_the_way_leads_through_the_required_stops(offers: list[Offer], path: tuple[str, ...]) -> None:
    for order in (offers, offers[::-1]):
        assert look(order, CLIENT).path == path
        assert look(order, CLIENT).blocked is None


@pytest.mark.parametrize(
    ("offers", "obstacle", "words"),
    [
        ([offer("13.0", requires=">=12.0")], Obstacle.REQUIRES, "une plateforme en version 12.0 ou supérieure"),
        ([offer("11.6"), offer("13.0", requires=">=12.0")], Obstacle.REQUIRES, "depuis 11.6"),
        ([offer("12.0", os=("rocky",))], Obstacle.SYSTEM, "rocky"),
        ([offer("12.0", os=("centos-8", "rocky"))], Obstacle.SYSTEM, "centos-8, rocky"),
        ([offer("12.0", "11.6")], Obstacle.BASE, "depuis : 11.6"),
        ([offer("12.0", product="q")], Obstacle.PRODUCT, "« p »"),
    ],
)
def test_a_dead_end_is_told_with_its_reason_and_its_cure(offers: list[Offer], obstacle: Obstacle, words: str) -> None:
    found = look(offers, CLIENT, Policy(server="s", now=NOW)).blocked
    assert found is not None
    assert (found.obstacle, found.waits) == (obstacle, False)
    assert words in found.reason
    assert "upport" in found.cure


def test_a_release_that_asks_for_a_newer_supervisor_is_left_and_told() -> None:
    client = replace(CLIENT, supervisor="0.2.0")
    offers = [offer("12.0", supervisor=">=0.3.0"), offer("11.6", supervisor=">=0.2.0")]
    found = look(offers, client, Policy(server="s", now=NOW))
    assert found.path == ("11.6",)
    assert found.blocked is not None
    assert (found.blocked.version, found.blocked.obstacle, found.blocked.waits) == ("12.0", Obstacle.SUPERVISOR, False)
    wanted = "elle demande le Superviseur en version 0.3.0 ou supérieure ; celui-ci est en 0.2.0"
    assert found.blocked.reason == wanted
    wanted = (
        "Mettez d'abord le Superviseur à jour : téléchargez son archive dans l'Espace utilisateur, puis importez-la"
    )
    assert wanted in found.blocked.cure
    assert look(offers, replace(client, supervisor="0.3.0")).path == ("12.0",)


def test_a_preversion_is_for_those_who_ask_for_it() -> None:
    offers = [offer("12.0rc1"), offer("11.6")]
    assert look(offers, CLIENT).path == ("11.6",)
    preview = Client(product="p", installed="11.5.0", os_id="centos", os_version="7", channel=Channel.PREVIEW)
    assert look(offers, preview).path == ("12.0rc1",)
    assert [step.version for step in route([offer("12.0rc1"), offer("12.0")], preview)] == ["12.0"]


@pytest.mark.parametrize(("day", "share"), [(0, 1), (1, 1), (2, 10), (4, 10), (5, 100), (90, 100)])
def test_shares_open_on_their_days(day: int, share: float) -> None:
    now = NOW + timedelta(days=day)
    release = offer("11.6", rollout=ROLLOUT)
    taken = sum(look([release], CLIENT, Policy(server=server, now=now)).offer is not None for server in SERVERS)
    assert abs(100 * taken / len(SERVERS) - share) <= 1


def test_withdrawn_or_held_on_day_one_few_ever_install() -> None:
    taken = set()
    for day in range(10):
        offers = [offer("11.6", rollout=ROLLOUT, held=None if day < 1 else "défaut trouvé")]
        policies = (Policy(server=server, now=NOW + timedelta(days=day)) for server in SERVERS)
        taken |= {policy.server for policy in policies if look(offers, CLIENT, policy).offer}
    assert len(taken) <= 0.02 * len(SERVERS)
    assert look(offers, CLIENT).offer is not None  # by hand, always


def test_who_goes_first_changes_from_release_to_release_and_never_for_one() -> None:
    first = {version: {name for name in SERVERS if place(name, "p", version) < 10} for version in ("11.6", "11.7")}
    assert len(first["11.6"] & first["11.7"]) < len(first["11.6"]) / 2
    assert place("a", "p", "11.6") == place("a", "p", "11.6.0")


def test_an_older_release_is_taken_while_the_newest_is_not_open_yet() -> None:
    server = next(name for name in SERVERS if place(name, "p", "11.7") > 50)
    outlook = look([offer("11.6"), offer("11.7", rollout=ROLLOUT)], CLIENT, Policy(server=server, now=NOW))
    assert outlook.offer is not None
    assert outlook.offer.version == "11.6"
    assert outlook.blocked is not None
    assert outlook.blocked.waits
    assert "06/06/2026" in outlook.blocked.reason


@pytest.mark.parametrize(
    ("put_off", "is_taken"),
    [
        (PutOff(version="11.6.0", reason="congés", by="alice"), False),
        (PutOff(version="11.6", reason="congés", by="alice", until=date(2026, 6, 2)), False),
        (PutOff(version="11.6", reason="congés", by="alice", until=date(2026, 6, 1)), True),
        (PutOff(version="11.7", reason="congés", by="alice"), True),
    ],
)
def test_what_an_administrator_put_off_is_left(put_off: PutOff, is_taken: bool) -> None:
    outlook = look([offer("11.6")], CLIENT, Policy(server="s", now=NOW, put_off=[put_off]))
    assert (outlook.offer is not None) is is_taken
    if outlook.blocked:
        until = ", pas avant le 02/06/2026," if put_off.until else " jusqu'à nouvel ordre"
        assert outlook.blocked.reason == f"reportée{until} par alice : congés"
    assert look([offer("11.6")], CLIENT).offer is not None


IMPORT = "éléchargez-la dans l'Espace utilisateur, puis importez-la (onglet Import)."
WITHOUT_DELAY = f"pour l'installer sans attendre, t{IMPORT}"


@pytest.mark.parametrize(
    ("changes", "policy", "cure"),
    [
        ({}, {"put_off": [PutOff(version="11.6", reason="x", by="a")]}, f"Levez ce report ou, {WITHOUT_DELAY}"),
        ({}, {"security_only": True}, f"T{IMPORT}"),
        ({"held": "défaut"}, {}, "Attendez sa reprise ; s'il vous la faut avant, appelez le support."),
        ({"rollout": (Share(percent=100, start=NOW + timedelta(days=1)),)}, {}, f"Rien à faire ; {WITHOUT_DELAY}"),
    ],
)
def test_the_cure_of_a_release_that_waits_can_be_done(
    changes: dict[str, Any], policy: dict[str, Any], cure: str
) -> None:
    blocked = look([offer("11.6", **changes)], CLIENT, Policy(server="s", now=NOW, **policy)).blocked
    assert blocked is not None
    assert (blocked.waits, blocked.cure) == (True, cure)


def test_security_releases_alone() -> None:
    policy = Policy(server="s", now=NOW, security_only=True)
    assert look([offer("11.6")], CLIENT, policy).offer is None
    for security in (offer("11.6", severity=Severity.HIGH), offer("11.6", fixes=("CVE-2026-1",))):
        assert look([security], CLIENT, policy).offer == security
