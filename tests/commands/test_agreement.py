"""Numbers agree with what they count."""

from datetime import timedelta
from pathlib import Path

import pytest

from ospi_supervisor.administration.checks.certificates import _told
from ospi_supervisor.system.clock import utc_now
from tests.commands.conftest import Shell
from tests.support.site import Site


@pytest.mark.parametrize(("added", "words"), [(1, "en 1 endroit\n"), (2, "en 2 endroits\n")])
def test_a_release_that_differs_says_in_how_many_places(shell: Shell, site: Site, added: int, words: str) -> None:
    assert shell("adopt", "11.5.0").exit_code == 0
    for number in range(added):
        Path(site.folder / f"platform/current/{number}").touch()
    assert words in shell("verify-release").stderr


@pytest.mark.parametrize(("days", "words"), [(0, "dans 0 jour ;"), (1, "dans 1 jour ;"), (2, "dans 2 jours ;")])
def test_a_certificate_says_how_long_it_is_good(days: int, words: str) -> None:
    _, message = _told("certificat", utc_now() + timedelta(days=days, hours=1), "renouvelez-le")
    assert words in message
