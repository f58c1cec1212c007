"""« Paramètres / Messages »: a mail that really leaves, or the reason why not; the maintenance page as it will be."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import msgspec
import pytest

from ospi_supervisor.config.tables import Config, MailTable
from ospi_supervisor.domain.requests import SendTestMail
from ospi_supervisor.worker.mail_trial import APART, MailTrial
from tests.support.reading import plain_spaces
from tests.support.site import Browser, Site, now
from tests.support.smtp_server import Post, a_post
from tests.support.system import free_port

MESSAGES = "parametres/messages"


@pytest.fixture
def post() -> Iterator[Post]:
    with a_post() as post:
        yield post


def mailing(site: Site, port: int) -> Config:
    """The site's configuration with a mail server there, for the web side too."""
    mail = MailTable(smtp=f"127.0.0.1:{port}", recipients=("dsi@hopital.example", "garde@hopital.example"))
    config: Config = msgspec.structs.replace(site.config, mail=mail)
    parts: Any = site.app.extensions["ospi_supervisor"]
    object.__setattr__(parts, "config", config)
    site.operations._config = config
    return config


def press(browser: Browser) -> int:
    answer = browser.post(f"{MESSAGES}/essai")
    assert answer.status_code == 303, answer.text
    return int(re.findall(r"demande=(\d+)", answer.headers["Location"])[0])


def answer(site: Site, trial: MailTrial, number: int) -> None:
    request = site.operations.web.request(number)
    assert request is not None
    trial.answer(request)


def test_a_test_mail_leaves_once_and_says_what_it_is(site: Site, admin: Browser, post: Post) -> None:
    config = mailing(site, post.port)
    assert "dsi@hopital.example" in admin.get(MESSAGES).text
    number = press(admin)
    stopped = plain_spaces(admin.get(f"{MESSAGES}?demande={number}").text)
    assert "Service de mise à jour arrêté : relancez-le." in stopped
    site.engine.beat(now(), 1)
    waiting = admin.get(f"{MESSAGES}?demande={number}").text
    assert ("est remis au serveur" in waiting, 'http-equiv="refresh"' in waiting) == (True, True)
    trial = MailTrial(config, site.engine, now)
    for _ in range(2):
        answer(site, trial, number)
    assert "a pris le courriel d'essai" in unescape(admin.get(f"{MESSAGES}?demande={number}").text)
    (letter,) = post.letters
    assert letter.recipients == ["dsi@hopital.example", "garde@hopital.example"]
    assert plain_spaces(str(letter.message["Subject"])) == "Portail BI, essai du courriel"
    assert "aucune mise à jour n'est en cause" in letter.text
    assert "les messages sur les mises à jour et les sauvegardes." in letter.text
    assert site.operations.web.audit(1)[0].action == "courriel d'essai demandé"


def test_what_the_mail_server_says_is_shown(site: Site, admin: Browser) -> None:
    config = mailing(site, free_port())
    number = press(admin)
    answer(site, MailTrial(config, site.engine, now), number)
    page = unescape(admin.get(f"{MESSAGES}?demande={number}").text)
    assert "Le courriel d'essai n'est pas parti." in page
    assert "connexion refusée" in page


def test_no_mailbox_is_flooded_and_no_old_wish_comes_true(site: Site, admin: Browser, post: Post) -> None:
    config = mailing(site, post.port)
    clock = [now()]
    trial = MailTrial(config, site.engine, lambda: clock[0])
    for _ in range(3):
        answer(site, trial, press(admin))
    assert len(post.letters) == 1
    clock[0] += APART
    answer(site, trial, press(admin))
    assert len(post.letters) == 2
    late = press(admin)
    clock[0] += timedelta(hours=1)
    answer(site, trial, late)
    assert len(post.letters) == 2
    assert "a trop attendu" in admin.get(f"{MESSAGES}?demande={late}").text


def test_without_a_mail_server_the_page_says_what_to_fill_in(site: Site, admin: Browser) -> None:
    assert "aucun serveur de messagerie n'est configuré" in admin.get(MESSAGES).text
    refused = admin.post(f"{MESSAGES}/essai", headers={"Accept": "text/html"})
    assert refused.status_code == 422
    assert site.operations.web.last_request(SendTestMail.kind) is None


def test_the_maintenance_page_is_shown_as_it_will_be_and_does_nothing(site: Site, admin: Browser) -> None:
    shown = admin.get(f"{MESSAGES}/page-de-maintenance")
    assert site.config.maintenance.message in shown.text
    assert "Portail BI" in shown.text
    assert "refresh" not in shown.text
    policy = shown.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert f'src="/superviseur/{MESSAGES}/page-de-maintenance"' in admin.get(MESSAGES).text
