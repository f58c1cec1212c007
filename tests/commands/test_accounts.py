"""Accounts from the shell: what was made is said, and nobody is locked out without a word."""

import json
import sqlite3
from contextlib import closing

from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from tests.commands.conftest import Shell
from tests.support.site import Site

PASSWORD = "correct cheval pile"
NO_ACCESS = "n'a pas accès à Superviseur"


def traced(site: Site) -> tuple[str, str]:
    """The last line of the « traçabilité »: what was done, and to what."""
    row = site.operations.web.audit(1)[0]
    return row.action, row.detail


def test_an_account_that_may_use_superviseur_is_said_to_be_made(shell: Shell, site: Site) -> None:
    added = shell("user", "add", "zoé", "--group", ADMINISTRATION_SYSTEM, "--group", "soins", input=PASSWORD)
    assert added.exit_code == 0
    assert added.stdout == "Compte zoé ajouté (groupes : administration system, soins).\n"
    assert traced(site) == ("compte ajouté", "zoé (groupes : administration system, soins)")


def test_an_account_without_the_role_is_made_and_said_to_have_no_access(shell: Shell) -> None:
    added = shell("user", "add", "zoé", "--group", "administration systeme", input=PASSWORD)
    assert added.exit_code == 0
    first, second = added.stdout.splitlines()
    assert first == "Compte zoé ajouté (groupes : administration systeme)."
    assert NO_ACCESS in second
    assert f"« {ADMINISTRATION_SYSTEM} »" in second


def test_an_account_without_groups_is_said_to_have_none(shell: Shell) -> None:
    told = shell("user", "add", "zoé", input=PASSWORD).stdout
    assert told.startswith("Compte zoé ajouté (groupes : aucun).\n")
    assert NO_ACCESS in told


def test_a_removed_account_is_said_to_be(shell: Shell) -> None:
    assert shell("user", "remove", "infirmier", "--yes").stdout == "Compte infirmier retiré.\n"


def test_whoever_removes_the_last_administrator_is_told_how_to_add_another(shell: Shell, site: Site) -> None:
    shell("user", "add", "zoé", "--group", ADMINISTRATION_SYSTEM, input=PASSWORD)
    assert shell("user", "remove", "admin", "--yes").stdout == "Compte admin retiré.\n"
    assert traced(site) == ("compte retiré", "admin")
    last = shell("user", "remove", "zoé", "--yes")
    assert last.exit_code == 0
    assert 'ajoutez-en un : ospi-supervisor user add NOM --group "administration system"' in last.stdout


def test_a_password_that_must_be_replaced_is_told_by_the_list_and_the_check(shell: Shell, site: Site) -> None:
    def checked() -> list[tuple[str, str]]:
        findings = json.loads(shell("check", "--json").stdout)
        return [(one["level"], one["message"]) for one in findings if one["check"] == "accounts"]

    assert checked() == [("ok", "comptes du Superviseur lus")]
    with closing(sqlite3.connect(site.config.paths.web_db)) as database, database:
        old = "$argon2id$v=19$m=12288,t=3,p=1$c2Vs$ZW1wcmVpbnRl"
        database.execute("UPDATE account SET password_hash = ? WHERE username = 'admin'", [old])
    assert {row["username"]: row["must_renew"] for row in json.loads(shell("user", "list", "--json").stdout)} == {
        "admin": True,
        "infirmier": False,
    }
    assert "à remplacer (user password)" in shell("user", "list").stdout.splitlines()[1]
    assert checked() == [("warning", "mots de passe à remplacer : admin ; « ospi-supervisor user password NOM »")]
    assert shell("user", "password", "admin", input=PASSWORD).exit_code == 0
    assert checked() == [("ok", "comptes du Superviseur lus")]
