"""The server's time zone, with its rules."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ospi_supervisor.system import zone
from ospi_supervisor.system.zone import local_zone

WINTER, SUMMER = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)


def offsets() -> tuple[timedelta | None, timedelta | None]:
    found = local_zone()
    return WINTER.astimezone(found).utcoffset(), SUMMER.astimezone(found).utcoffset()


PARIS = Path("/usr/share/zoneinfo/Europe/Paris")


@pytest.mark.parametrize("name", ["Europe/Paris", ":Europe/Paris", f"{PARIS}", f":{PARIS}"])
def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setattr(zone, "LOCALTIME", tmp_path / "absent")
    monkeypatch.setenv("TZ", name)
    assert offsets() == (timedelta(hours=1), timedelta(hours=2))


def test_then_the_servers_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(zone, "LOCALTIME", PARIS)
    assert offsets() == (timedelta(hours=1), timedelta(hours=2))


@pytest.mark.parametrize("name", ["CET-1CEST,M3.5.0,M10.5.0/3", "<+01>-1", "Nulle/Part", "Europe", "/absent", "/usr"])
def test_a_variable_that_is_no_name_leaves_it_to_the_servers_own_file(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TZ", name)
    monkeypatch.setattr(zone, "LOCALTIME", PARIS)
    assert offsets() == (timedelta(hours=1), timedelta(hours=2))


def test_what_names_no_zone_is_utc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zone, "LOCALTIME", tmp_path / "absent")
    for name in ("", "Nulle/Part", "/etc/passwd"):
        monkeypatch.setenv("TZ", name)
        assert local_zone() is UTC
