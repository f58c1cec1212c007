"""Which driver an address gets, and what hooks are told."""

from pathlib import Path

import pytest

from ospi_supervisor.backup.databases import hook_environment, make_databases
from ospi_supervisor.backup.postgres import PostgresDatabase
from ospi_supervisor.backup.sqlite import SqliteDatabase
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError, ConfigurationError


def test_each_kind_of_address_has_its_driver() -> None:
    made = make_databases(
        [DatabaseTable(name="a", url="sqlite:////srv/a.db"), DatabaseTable(name="b", url="postgresql://u@h:5432/b")]
    )
    assert [type(database) for database in made] == [SqliteDatabase, PostgresDatabase]


@pytest.mark.parametrize(
    "url", ["mysql://u@h/b", "sqlite://relatif.db", "sqlite:", "postgresql://u@h:5432/", "/srv/a.db", ""]
)
def test_an_unknown_address_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"base « a » : adresse .* non reconnue"):
        make_databases([DatabaseTable(name="a", url=url)])


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="password_file") as caught:
        make_databases([DatabaseTable(name="a", url="postgresql://u:s3cret@h:5432/b")])
    assert "s3cret" not in str(caught.value)


def test_hooks_receive_each_address_with_its_password(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("p@ss: é/%\n", encoding="utf-8")
    tables = [
        DatabaseTable(name="portail-bi", url="sqlite:////srv/a.db"),
        DatabaseTable(name="pmsi", url="postgresql://u@h:5432/b?sslmode=require", password_file=tmp_path / "secret"),
    ]
    assert hook_environment(tables) == {
        "OSPI_DATABASE_URL_PORTAIL_BI": "sqlite:////srv/a.db",
        "OSPI_DATABASE_URL_PMSI": "postgresql://u:p%40ss%3A%20%C3%A9%2F%25@h:5432/b?sslmode=require",
    }


def test_an_unreadable_password_is_an_error(tmp_path: Path) -> None:
    table = DatabaseTable(name="b", url="postgresql://u@h/b", password_file=tmp_path / "absent")
    with pytest.raises(BackupError, match="mot de passe illisible"):
        hook_environment([table])
