"""What « Sauvegardes » tells of the backups that were handed to the configured command."""

from html import unescape

from tests.support.drills import publish
from tests.support.handouts import NAME, configured, tell
from tests.support.reading import plain_spaces
from tests.support.site import Browser, Site


def test_each_backup_says_whether_it_was_handed_out(site: Site, admin: Browser) -> None:
    publish(site)
    tell(site, None)
    assert "Transmission" not in admin.get("sauvegardes").text
    configured(site)
    assert "transmise" in admin.get("sauvegardes").text
    tell(site, None, at_work=NAME)
    assert "en cours" in admin.get("sauvegardes").text


def test_a_failure_is_shown_with_what_the_command_said(site: Site, admin: Browser) -> None:
    publish(site)
    configured(site)
    tell(site, "la commande a échoué (code 3)", said="dépôt <plein>")
    page = unescape(admin.get("sauvegardes").text)
    assert "La dernière sauvegarde n'a pas été transmise" in page
    assert plain_spaces(page).count("a commande a échoué (code 3)") == 1
    assert "dépôt &lt;plein&gt;" in admin.get("sauvegardes").text
