"""A mail through a real relay, Debian's Postfix, which takes nothing but by STARTTLS and asks nobody who they are."""

from pathlib import Path

import pytest

from ospi_supervisor.config.tables import MailTable
from ospi_supervisor.errors import MailError
from ospi_supervisor.worker.mail_server import MailServer
from tests.support.certificates import Authority
from tests.support.postfix import DOMAIN, a_relay
from tests.support.system import wait_until
from tests.worker.test_mail_server import letter

pytestmark = pytest.mark.system


def test_a_mail_is_handed_over_by_starttls(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ca"), Authority(tmp_path / "autre")
    with a_relay(tmp_path / "relais", authority.server()) as relay:
        address, recipients = f"127.0.0.1:{relay.port}", (f"dsi@{DOMAIN}",)
        with pytest.raises(MailError, match="certificat"):
            MailServer(MailTable(smtp=address, recipients=recipients, ca_bundle=stranger.path)).check()
        server = MailServer(MailTable(smtp=address, recipients=recipients, ca_bundle=authority.path))
        server.check()
        server.send(letter())
        wait_until(lambda: len(relay.letters()) == 2, "a letter for each recipient")
    for taken in relay.letters():
        assert taken["Subject"] == "Mise à jour réussie"
        assert str(taken.get_content()) == "Tout va bien.\n.\nVraiment : é.\n"
        assert "using TLSv1.3 with cipher" in str(taken["Received"])
