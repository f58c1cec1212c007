"""The seed's prerequisites, at and around each threshold."""

from dataclasses import replace

import pytest

from ospi_supervisor.domain.prerequisites import (
    Disk,
    Judgement,
    MachineFacts,
    Requirements,
    Thresholds,
    Verdict,
    is_refused,
    judge,
)

GIB = 1024**3
DISK = Disk(role="plateforme", path="/opt", free=50, used=50)
FACTS = MachineFacts(
    platform_version="11.5.0",
    cores=8,
    memory=16 * 10**9,
    disks=(DISK,),
    os_id="rocky",
    os_version="9.4",
    os_name="Rocky Linux 9.4",
    public_address="https://bi.example/",
)


def verdict_of(rule: str, facts: MachineFacts, needs: Requirements | None = None) -> Judgement:
    (judgement,) = [item for item in judge(facts, needs or Requirements(), Thresholds()) if item.rule == rule]
    return judgement


def test_a_fit_machine_passes_every_rule_in_the_seeds_order() -> None:
    judgements = judge(FACTS, Requirements(), Thresholds())
    assert [item.rule for item in judgements] == [
        "platform_version",
        "cores",
        "memory",
        "free_disk",
        "public_address",
        "operating_system",
    ]
    assert all(item.verdict is Verdict.OK and not item.remedy for item in judgements)
    assert not is_refused(judgements)


@pytest.mark.parametrize(
    ("rule", "change", "verdict"),
    [
        ("platform_version", {"platform_version": "10.0.0"}, "ok"),
        ("platform_version", {"platform_version": "9.9.9"}, "refused"),
        ("cores", {"cores": 7}, "warning"),
        ("cores", {"cores": 4}, "warning"),
        ("cores", {"cores": 3}, "refused"),
        ("memory", {"memory": int(15.9 * 10**9)}, "warning"),
        ("memory", {"memory": int(7.6 * GIB)}, "warning"),  # a machine sold with 8 GB
        ("memory", {"memory": int(7.9 * 10**9)}, "refused"),
        ("free_disk", {"disks": (replace(DISK, free=30, used=70),)}, "ok"),
        ("free_disk", {"disks": (replace(DISK, free=29, used=71),)}, "refused"),
        ("free_disk", {"disks": (replace(DISK, free=0, used=0),)}, "refused"),
        ("room", {"disks": (replace(DISK, needed=20),)}, "ok"),
        ("room", {"disks": (replace(DISK, needed=21),)}, "refused"),
        ("mounts", {"missing_mounts": ("/srv/ospi",)}, "refused"),
        ("public_address", {"public_address_error": "connexion refusée"}, "refused"),
    ],
)
def test_thresholds(rule: str, change: dict[str, object], verdict: str) -> None:
    judgement = verdict_of(rule, replace(FACTS, **change))  # type: ignore[arg-type]
    assert judgement.verdict == verdict
    assert bool(judgement.remedy) is (verdict != "ok")


def test_the_room_is_needed_on_top_of_the_free_part() -> None:
    judgement = verdict_of("room", replace(FACTS, disks=(replace(DISK, free=500, used=500, needed=250),)))
    assert (judgement.measured, judgement.required) == (
        "500 octets libres (/opt)",
        "250 octets en plus des 30 %, soit 550 octets",
    )


def test_each_disk_is_judged() -> None:
    disks = (DISK, replace(DISK, role="sauvegardes", free=1, used=99))
    verdicts = [
        item.verdict for item in judge(replace(FACTS, disks=disks), Requirements(), Thresholds()) if "disk" in item.rule
    ]
    assert verdicts == [Verdict.OK, Verdict.REFUSED]


@pytest.mark.parametrize(
    ("systems", "verdict"),
    [((), "ok"), (("rocky",), "ok"), (("rocky-9",), "ok"), (("centos-7", "rocky-8"), "refused")],
)
def test_operating_systems(systems: tuple[str, ...], verdict: str) -> None:
    assert verdict_of("operating_system", FACTS, Requirements(os=systems)).verdict == verdict


def test_the_manifest_may_ask_for_a_newer_platform_than_the_threshold() -> None:
    judgement = verdict_of("platform_version", FACTS, Requirements(version=">=11.6"))
    assert judgement.verdict is Verdict.REFUSED
    assert judgement.required == "11.6 ou supérieure"


def test_numbers_are_written_as_the_french_do() -> None:
    judgement = verdict_of("memory", replace(FACTS, memory=int(12.34 * 10**9)))
    assert (judgement.measured, judgement.required) == ("12,3 Go", "8 Go (16 préconisés)")


def test_one_refusal_refuses() -> None:
    assert is_refused(judge(replace(FACTS, cores=1), Requirements(), Thresholds()))
