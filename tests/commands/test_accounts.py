"""Accounts from the shell: what was made is said, and nobody is locked out without a word."""

from ospi_supervisor.store.web_models import ADMINISTRATION_SYSTEM
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
    assert shell("user", "remove", "infirmier").stdout == "Compte infirmier retiré.\n"


def test_whoever_removes_the_last_administrator_is_told_how_to_add_another(shell: Shell, site: Site) -> None:
    shell("user", "add", "zoé", "--group", ADMINISTRATION_SYSTEM, input=PASSWORD)
    assert shell("user", "remove", "admin").stdout == "Compte admin retiré.\n"
    assert traced(site) == ("compte retiré", "admin")
    last = shell("user", "remove", "zoé")
    assert last.exit_code == 0
    assert 'ajoutez-en un : ospi-supervisor user add NOM --group "administration system"' in last.stdout
