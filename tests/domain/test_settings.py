"""The settings: which values there are, and what they do."""

from datetime import date

import pytest

from ospi_supervisor.domain.offers import Channel
from ospi_supervisor.domain.put_off import PutOff
from ospi_supervisor.domain.settings import (
    AUTOMATIC_UPDATE,
    PUT_OFF,
    InForce,
    check_setting,
    in_force,
    put_off_value,
    updates_itself,
)
from ospi_supervisor.errors import RefusedError


def test_oui_is_a_server_that_updates_itself_whatever_the_name_suggests() -> None:
    assert updates_itself("OUI")
    assert not updates_itself("NON")
    assert AUTOMATIC_UPDATE.default == "NON"
    assert "se met à jour automatiquement" in AUTOMATIC_UPDATE.effects["OUI"]
    assert "sauf les versions de sécurité si update.auto.security le veut" in AUTOMATIC_UPDATE.effects["NON"]
    assert "OUI" not in AUTOMATIC_UPDATE.effects["NON"], "it names the other choice"


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


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (f"{PUT_OFF}11.6.0", "|", "raison"),
        (f"{PUT_OFF}11.6.0", "demain|congés", "date"),
        (f"{PUT_OFF}11.6.0", f"|{'x' * 501}", "caractères"),
        (f"{PUT_OFF}toutes", "|congés", "numéro de version"),
        ("update.channel", "béta", "stable ou préversions"),
        ("update.auto.security", "oui", "OUI ou NON"),
    ],
)
def test_a_setting_that_cannot_have_that_value(name: str, value: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        check_setting(name, value)


def test_what_is_in_force_of_what_is_stored() -> None:
    assert in_force({}) == InForce()
    stored = {
        "update.auto.disable": ("OUI", "alice"),
        "update.channel": ("préversions", "alice"),
        f"{PUT_OFF}11.6.0": (put_off_value("congés", date(2026, 6, 30)), "bob"),
        f"{PUT_OFF}11.7.0": ("", "bob"),
    }
    put_off = PutOff(version="11.6.0", reason="congés", by="bob", until=date(2026, 6, 30))
    assert in_force(stored) == InForce(automatic=True, channel=Channel.PREVIEW, put_off=(put_off,))
