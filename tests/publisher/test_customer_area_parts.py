"""The parts of the customer area: its catalogue, its sessions, the customers' file and its commands."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ospi_supervisor.domain.offers import Offer, OfferKind
from ospi_supervisor.domain.sign_in import BROWSER_PREFIX, FROM_ALL, FROM_ONE, WINDOW
from ospi_supervisor.errors import RefusedError, ThrottledError
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.customer_area import sessions
from ospi_supervisor.publisher.customer_area.catalogue import date_words, lines, needs_words
from ospi_supervisor.publisher.customer_area.customers import Customers
from tests.support.old_state import lay_out_old_site

NOW = datetime.now(UTC)


def test_failures_are_forgotten_after_a_while() -> None:
    throttle = sessions.Throttle()

    def fails(name: str, origin: str, now: datetime = NOW) -> bool:
        try:
            with throttle.attempt(name, origin, now) as failed:
                failed()
        except ThrottledError:
            return False
        return True

    assert [fails(f"customer-{number}", "192.0.2.1") for number in range(FROM_ONE)] == [True] * 9 + [False]
    assert fails("any", "192.0.2.2")
    assert fails("any", "192.0.2.1", NOW + WINDOW)
    assert [fails("chu-lyon", f"198.51.100.{number}") for number in range(FROM_ALL)] == [True] * 99 + [False]
    assert fails("chu-lyon", f"{BROWSER_PREFIX}a"), "a known browser has a count of its own"


def test_a_session_ends_after_a_while() -> None:
    kept = sessions.Sessions()
    cookie = kept.begin("chu-lyon", "hash", NOW)
    later = NOW + sessions.LIFETIME - timedelta(seconds=1)
    assert kept.find(cookie, later) == ("chu-lyon", "hash")
    assert kept.find(cookie, later + sessions.LIFETIME) is None


def offer(**changes: object) -> Offer:
    plain = Offer(
        path="p/a.ospi",
        size=1,
        sha256="0" * 64,
        kind=OfferKind.DELTA,
        product="p",
        version="2.0",
        requires=">=1.0",
        base="1.0",
        date=date(2026, 6, 1),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_release_offered_as_a_delta_only_is_shown_to_whom_it_fits() -> None:
    assert [line.full for line in lines([offer()], {"p": "1.0"})] == [None]
    assert lines([offer()], {"p": "0.9"}) == []


def test_dates_in_french() -> None:
    assert date_words(date(2026, 6, 1)) == "1er juin 2026"
    assert date_words(date(2026, 12, 24)) == "24 décembre 2026"


@pytest.mark.parametrize(
    ("requires", "systems", "words"),
    [
        (">=10.0.0", (), "plateforme 10.0.0 ou supérieure"),
        (">=11.5,<12", ("rocky",), "plateforme 11.5 ou supérieure, antérieure à 12, Rocky Linux"),
        ("", ("debian",), "toute version de la plateforme, debian"),
    ],
)
def test_needs_in_french(requires: str, systems: tuple[str, ...], words: str) -> None:
    assert needs_words(offer(requires=requires, os=systems)) == words


def test_the_customers_file_is_private_and_holds_no_password(tmp_path: Path) -> None:
    customers = Customers(tmp_path / "customers.json")
    customers.put("nouveau", "un secret à moi", {"p": None})
    assert customers.path.stat().st_mode & 0o777 == 0o600
    assert "un secret" not in customers.path.read_text()


def test_the_customer_commands(tmp_path: Path) -> None:
    file = ["--customers", str(tmp_path / "customers.json")]

    def run(*arguments: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(main, ["customer", *arguments, *file], input=typed)
        return result.exit_code, result.output

    added = run("add", "chu", "--product", "pmsipilot=11.5.0", "--product", "autre", typed="assez long\n")
    assert added == (0, "client « chu » enregistré\n")
    assert run("list") == (0, "chu : pmsipilot 11.5.0, autre\n")
    code, words = run("add", "chu", "--product", "p", typed="court\n")
    assert (code, "8 caractères" in words) == (1, True)
    code, words = run("add", "chu", "--product", "p=dernière", typed="assez long\n")
    assert (code, "numéro de version" in words) == (1, True)
    assert run("remove", "chu")[0] == 0
    code, words = run("remove", "chu")
    assert (code, "aucun client" in words) == (1, True)
    (tmp_path / "customers.json").write_text("[]")
    code, words = run("list")
    assert (code, "n'est pas un fichier de clients" in words) == (1, True)


def test_the_documented_commands_exist() -> None:
    """Each command of the publication guide, with each of its options."""
    text = (Path(__file__).parents[2] / "docs" / "publication.md").read_text(encoding="utf-8")
    commands = re.findall(r"ospi-release ([a-z-]+(?: add)?)([^\n`]*)", text)
    assert len(commands) >= 9
    for name, rest in commands:
        help_text = CliRunner().invoke(main, [*name.split(), "--help"])
        assert help_text.exit_code == 0, name
        for option in re.findall(r" (--[a-z]+)", rest):
            assert option in help_text.output, (name, option)


def old_file(folder: Path) -> Customers:
    """The customers' file of version 0.1.0."""
    lay_out_old_site(folder)
    return Customers(folder / "customers.json")


def test_the_file_of_an_older_version_is_read_and_put_aside_when_it_is_written(tmp_path: Path) -> None:
    customers = old_file(tmp_path)
    before = customers.path.read_bytes()
    assert customers.all()["chu"].products == {"portail-bi": "11.5.0"}
    assert customers.all()["chu"].must_renew
    assert customers.some_must_renew()
    assert customers.check("chu", "correct cheval pile") is None
    assert customers.path.read_bytes() == before
    file = ["--customers", str(customers.path)]
    listed = CliRunner().invoke(main, ["customer", "list", *file]).output
    assert listed == "chu : portail-bi 11.5.0 (mot de passe à remplacer : « customer add »)\n"
    customers.put("autre", "assez long", {})
    assert customers.all()["chu"].must_renew
    aside = customers.path.with_name("customers.json.format-1")
    assert (aside.read_bytes(), aside.stat().st_mode & 0o777) == (before, 0o600)
    customers.put("chu", "assez long", {"portail-bi": None})
    assert not customers.some_must_renew()
    assert customers.check("chu", "assez long") is not None
    assert aside.read_bytes() == before


def test_the_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "customers.json"
    path.write_text('{"format": 3, "written_by": "7.8.9", "customers": []}')
    customers = Customers(path)
    for use in (customers.all, lambda: customers.put("a", "assez long", {}), lambda: customers.remove("a")):
        with pytest.raises(RefusedError, match=r"version 7\.8\.9 de Superviseur"):
            use()
    assert path.read_text() == '{"format": 3, "written_by": "7.8.9", "customers": []}'
