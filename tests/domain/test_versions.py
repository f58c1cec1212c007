"""Versions are compared as versions, never as text."""

import pytest

from ospi_supervisor.domain.versions import can_follow, in_words, is_newer, satisfies, tightest
from ospi_supervisor.errors import RefusedError


@pytest.mark.parametrize(
    ("candidate", "installed", "newer"),
    [
        ("11.6.0", "11.5.0", True),
        ("11.10.0", "11.9.0", True),
        ("11.5", "11.5.0", False),
        ("11.5.0", "11.5.0", False),
        ("11.4.9", "11.5.0", False),
        ("11.6.0rc1", "11.6.0", False),
    ],
)
def test_newer(candidate: str, installed: str, newer: bool) -> None:
    assert is_newer(candidate, installed) is newer


@pytest.mark.parametrize(
    ("installed", "requirement", "met"),
    [
        ("10.0.0", ">=10.0.0", True),
        ("9.9.9", ">=10.0.0", False),
        ("11.5.0", ">=11.0,<12", True),
        ("12.0.0", ">=11.0,<12", False),
        ("11.6.0rc1", ">=11.5", True),
        ("1.0", "", True),
    ],
)
def test_satisfies(installed: str, requirement: str, met: bool) -> None:
    assert satisfies(installed, requirement) is met


def test_what_is_no_version_or_condition_is_refused_by_its_text() -> None:
    with pytest.raises(RefusedError, match="« onze »"):
        is_newer("onze", "11.5.0")
    with pytest.raises(RefusedError, match="« au moins 10 »"):
        satisfies("11.5.0", "au moins 10")


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        (">=10.0.0", "10.0.0 ou supérieure"),
        ("<12,>=10.0.0", "10.0.0 ou supérieure, antérieure à 12"),
        ("==11.5.0", "11.5.0 exactement"),
        ("==11.*", "11.* exactement"),
        (">11,!=11.5.2", "supérieure à 11, autre que 11.5.2"),
    ],
)
def test_a_condition_in_words(requirement: str, words: str) -> None:
    assert in_words(requirement) == words


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ((">=10.0.0", ">=11.0.0"), ">=11.0.0"),
        ((">=10.0.0", ""), ">=10.0.0"),
        ((">=10.0.0", "<12,>=9"), "<12,>=10.0.0"),
    ],
)
def test_the_tightest_of_several_conditions(requirements: tuple[str, ...], expected: str) -> None:
    assert tightest(*requirements) == expected


@pytest.mark.parametrize(
    ("version", "requirement", "can"),
    [
        ("11.6.0", ">=10.0.0", True),
        ("11.6.0", ">=11.6.0", False),
        ("11.6.0", ">11.5.9", True),
        ("11.6.0", "==11.5.*", True),
        ("11.6.0", "==11.6.0", False),
        ("11.6.0", "==11.7.0", False),
        ("11.6.0", "<11", True),
        ("1.0", "<1.0", True),
        ("11.6.0", ">=12,<13", False),
        ("11.6.0", "", True),
    ],
)
def test_a_release_that_no_older_one_leads_to_is_recognised(version: str, requirement: str, can: bool) -> None:
    assert can_follow(version, requirement) is can
