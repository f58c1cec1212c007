"""`[calendar]`: what is accepted of it, and in which words the rest is refused."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ospi_supervisor.config.tables import parse_config
from ospi_supervisor.errors import ConfigurationError
from tests.config.test_tables import changed, example


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("weekly.0.begin", "25:00", "une heure de la forme HH:MM est attendue"),
        ("weekly.0.days", ["lundi", "lunid"], "valeur 'lunid' inconnue"),
        ("weekly.0.days", [], "doit nommer au moins un jour, de lundi à dimanche"),
        ("weekly.0.end", "07:30", "« begin » et « end » doivent différer"),
        ("weekly.0.reason", " ", "doit dire pourquoi"),
        ("weekly.0.reason", None, "clé obligatoire « calendar.weekly[0].reason » absente"),
        ("weekly.0.fin", "19:00", "clé inconnue « calendar.weekly[0].fin »"),
        ("dates.0.last", date(2026, 1, 1), "« last » (2026-01-01) précède « first » (2026-12-28)"),
        ("dates.0.first", "demain", "un jour est attendu, sans guillemets : 2026-12-28"),
        ("dates.0.first", datetime(2026, 1, 1, tzinfo=UTC), "un jour est attendu, sans guillemets : 2026-12-28"),
        ("dates.0.reason", "", "doit dire pourquoi"),
        ("late_minutes", 2, "un entier d'au moins 5 est attendu"),
    ],
)
def test_what_is_malformed_is_refused_with_its_key_and_what_is_expected(key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_config(changed(f"calendar.{key}", value))
    assert "calendar" in str(refused.value)
    assert words in str(refused.value)


def test_its_rules_are_those_that_it_says() -> None:
    zone = ZoneInfo("Europe/Paris")
    rules = parse_config(example()).calendar.rules(lambda: zone)
    closed = rules.calendar.closure(datetime(2026, 11, 30, 12, tzinfo=zone), zone)
    assert closed is not None
    assert (closed.reason, closed.until) == ("Consultations", datetime(2026, 11, 30, 19, tzinfo=zone))
    assert rules.calendar.closure(datetime(2026, 11, 29, 12, tzinfo=zone), zone) is None  # a Sunday


def test_without_it_anything_may_begin_at_any_hour() -> None:
    document = example()
    del document["calendar"]
    assert parse_config(document).calendar.rules(lambda: UTC).calendar.closure(datetime.now(UTC), UTC) is None
