"""The mail server: real connections, ciphered or not, and none that keeps us for long."""

import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.config.tables import MailTable
from ospi_supervisor.errors import MailError
from ospi_supervisor.worker.mail_server import MailServer
from tests.support.certificates import Authority
from tests.support.smtp_server import Post, a_post
from tests.support.system import free_port

PASSWORD = "mot-de-passe-du-courriel"


def server_at(port: int, **changes: Any) -> MailServer:
    recipients = ("dsi@hopital.example", "garde@hopital.example")
    return MailServer(MailTable(smtp=f"127.0.0.1:{port}", recipients=recipients, **changes), step=5, limit=10)


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "superviseur@hopital.example", "dsi@hopital.example, garde@hopital.example"
    message["Subject"] = "Mise à jour réussie"
    message.set_content("Tout va bien.\n.\nVraiment : é.")
    return message


def account(tmp_path: Path, password: str = PASSWORD) -> dict[str, Any]:
    path = tmp_path / "mail-password"
    path.write_text(f"{password}\n", encoding="utf-8")
    return {"account": "superviseur", "password_file": path}


def refusal(post: Post, **changes: Any) -> str:
    with pytest.raises(MailError) as error:
        server_at(post.port, **changes).send(letter())
    return str(error.value)


def test_a_message_goes_to_every_recipient() -> None:
    with a_post() as post:
        server_at(post.port).send(letter())
    [taken] = post.letters
    assert taken.sender == "superviseur@hopital.example"
    assert taken.recipients == ["dsi@hopital.example", "garde@hopital.example"]
    assert taken.message["Subject"] == "Mise à jour réussie"
    assert taken.text == "Tout va bien.\n.\nVraiment : é.\n"
    assert not taken.ciphered


def test_starttls_is_used_where_it_is_offered_whoever_signed_the_certificate(tmp_path: Path) -> None:
    with a_post(certificate=Authority(tmp_path / "ca").server()) as post:
        server_at(post.port).send(letter())
    assert post.letters[0].ciphered


def test_a_password_goes_to_a_server_that_is_known_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with a_post(certificate=authority.server(), accounts={"superviseur": PASSWORD}) as post:
        assert "mail.ca_bundle" in refusal(post, **account(tmp_path))
        assert post.letters == []
        server_at(post.port, ca_bundle=authority.path, **account(tmp_path)).send(letter())
        assert (post.letters[0].ciphered, post.letters[0].account) == (True, "superviseur")
        wrong = refusal(post, ca_bundle=authority.path, **account(tmp_path, "un autre"))
        assert "535 5.7.8 wrong" in wrong
        assert "un autre" not in wrong
        foreign = refusal(post, ca_bundle=authority.path, **account(tmp_path, "ñandú"))
        assert "restez en ASCII" in foreign
        assert "ñ" not in foreign


def test_a_password_is_never_sent_unciphered(tmp_path: Path) -> None:
    with a_post(accounts={"superviseur": PASSWORD}) as post:
        assert "n'offre pas STARTTLS" in refusal(post, **account(tmp_path))
    assert not any(command.startswith("AUTH") for command in post.commands)


def test_tls_from_the_first_byte_is_proven(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with a_post(certificate=authority.server(), tls_at_once=True) as post:
        assert "mail.ca_bundle" in refusal(post, tls=True)
        server_at(post.port, tls=True, ca_bundle=authority.path).send(letter())
    assert [taken.ciphered for taken in post.letters] == [True]


def test_a_recipient_that_is_refused_is_named_and_the_others_are_told() -> None:
    with a_post(refused={"garde@hopital.example"}) as post:
        words = refusal(post)
        assert words.endswith("ne prend pas le message pour garde@hopital.example (550 5.1.1 unknown here)")
        assert post.letters[0].recipients == ["dsi@hopital.example"]
        post.refused.add("dsi@hopital.example")
        assert "dsi@hopital.example refusé (550 5.1.1 unknown here), garde@" in refusal(post)


def test_a_server_that_is_not_there_is_said_not_to_be() -> None:
    with pytest.raises(MailError, match="connexion refusée"):
        server_at(free_port()).check()
    with pytest.raises(MailError, match="nom inconnu du serveur de noms"):
        MailServer(MailTable(smtp="nulle-part.invalid", recipients=("a@b",))).check()


@pytest.mark.parametrize(("manners", "words"), [("silent", "délai dépassé"), ("dripping", "n'en finit pas")])
def test_a_server_that_does_not_answer_keeps_nobody(manners: str, words: str) -> None:
    with a_post(manners=manners) as post:
        server = MailServer(MailTable(smtp=f"127.0.0.1:{post.port}", recipients=("a@b",)), step=0.5, limit=2)
        began = time.monotonic()
        with pytest.raises(MailError, match=words):
            server.send(letter())
        assert time.monotonic() - began < 60


def test_looking_sends_nothing(tmp_path: Path) -> None:
    with a_post() as post:
        server_at(post.port).check()
    assert post.letters == []
    assert "NOOP" in [command.upper() for command in post.commands]
