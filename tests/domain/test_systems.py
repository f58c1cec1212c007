"""Whether a release is for this system is one rule, for archives, offers and hosts alike."""

import pytest

from ospi_supervisor.domain.offers import repository_url
from ospi_supervisor.domain.systems import os_matches


@pytest.mark.parametrize(
    ("accepted", "matches"),
    [((), True), (("rocky",), True), (("rocky-9",), True), (("rocky-8", "centos-7"), False), (("rock",), False)],
)
def test_a_system_goes_by_its_name_or_with_its_major_version(accepted: tuple[str, ...], matches: bool) -> None:
    assert os_matches(accepted, "rocky", "9.4") is matches


def test_the_more_precise_name_has_the_repository() -> None:
    hosts = {"rocky": "https://a", "rocky-9": "https://b/"}
    assert repository_url(hosts, "rocky", "9.4") == "https://b/"
    assert repository_url(hosts, "rocky", "8.1") == "https://a/"
    assert repository_url(hosts, "debian", "12") is None
