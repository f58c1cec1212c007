"""The settings: which values there are, and what they do."""

import pytest

from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE, check_setting, updates_itself
from ospi_supervisor.errors import RefusedError


def test_oui_is_a_server_that_updates_itself_whatever_the_name_suggests() -> None:
    assert updates_itself("OUI")
    assert not updates_itself("NON")
    assert AUTOMATIC_UPDATE.default == "NON"
    assert "se met à jour automatiquement" in AUTOMATIC_UPDATE.effects["OUI"]


@pytest.mark.parametrize("value", list(AUTOMATIC_UPDATE.effects))
def test_its_values_are_accepted(value: str) -> None:
    check_setting(AUTOMATIC_UPDATE.name, value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("update.auto.disable", "oui", "donnez OUI ou NON"),
        ("update.auto.disable", "", "donnez OUI ou NON"),
        ("update.auto", "OUI", "il n'y a pas de paramètre"),
    ],
)
def test_anything_else_is_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        check_setting(name, value)
