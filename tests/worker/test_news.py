"""What is told by mail beside the ends of updates, over a server that asks for STARTTLS."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.config.tables import Config, MailTable
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.worker.news import News, tell_failed_backup
from tests.support.certificates import Authority
from tests.support.reading import plain_spaces
from tests.support.site import Site, now
from tests.support.smtp_server import Post, a_post

Tell = Callable[[], list[str]]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with a_post(certificate=Authority(tmp_path / "autorité").server()) as post:
        yield post


def to(config: Config, post: Post) -> Config:
    mail = MailTable(smtp=f"127.0.0.1:{post.port}", recipients=("dsi@hopital.example",))
    return msgspec.structs.replace(config, mail=mail)


@pytest.fixture
def tell(site: Site, post: Post) -> Tell:
    """Has the news told, and gives the subjects of all letters so far; the first look was before."""
    news = News(to(site.config, post), site.operations.reader, PublishedStore(site.engine), now)
    news.tell()

    def look() -> list[str]:
        news.tell()
        news.tell()  # nothing is told twice
        assert all(letter.ciphered for letter in post.letters)
        return [str(letter.message["Subject"]).replace("\u00a0", " ").replace("\u202f", " ") for letter in post.letters]

    return look


def offered(site: Site, version: str, own: str | None = None) -> None:
    check = {"at": now().isoformat(), "repository": "x", "links": [], "error": ""}
    found = {"available": {"version": own} if own else None, "outlook": None}
    AutomaticStore(site.engine).note(last_check=check | {"available": {"version": version}, "own": found})


def night(site: Site, days: int, message: str, *, ok: bool = False) -> None:
    day = (now().date() + timedelta(days=days)).isoformat()
    run = {"at": now().isoformat(), "night": day, "message": message, "update": None, "ok": ok}
    AutomaticStore(site.engine).note(last_run=run)


def test_a_version_that_is_offered_is_told_once(site: Site, tell: Tell) -> None:
    offered(site, "11.7.0")
    assert tell() == ["Portail BI, nouvelle version disponible : 11.7.0"]
    offered(site, "11.8.0")
    assert len(tell()) == 2


def test_one_of_this_program_is_told_beside_the_platforms(site: Site, tell: Tell) -> None:
    offered(site, "11.7.0", own="99.0")
    assert tell() == [
        "Portail BI, nouvelle version disponible : 11.7.0",
        "Portail BI, nouvelle version du Superviseur disponible : 99.0",
    ]
    offered(site, "11.7.0", own="99.1")
    assert tell()[2:] == ["Portail BI, nouvelle version du Superviseur disponible : 99.1"]


def test_a_version_that_is_being_installed_is_told_by_its_beginning(site: Site, tell: Tell) -> None:
    site.update(to="11.7.0")
    offered(site, "11.7.0")
    [subject] = tell()
    assert subject.startswith("Portail BI, une mise à jour commence à ")


def test_an_hour_to_come_is_told_and_an_end_is_not_news(site: Site, post: Post, tell: Tell) -> None:
    site.update(UpdateStatus.SUCCEEDED)
    assert tell() == []
    at = (now() + timedelta(days=1)).astimezone()
    number = site.planned(at)
    assert tell() == [f"Portail BI, une mise à jour commence à {at:%H:%M (%d/%m/%Y)}"]
    [letter] = post.letters
    assert f"suivi?update={number}" in letter.text
    assert "de 11.5.0 vers 11.6.0" in letter.text


def test_a_failed_night_is_told_and_told_again_when_it_changes_or_a_week_later(
    site: Site, post: Post, tell: Tell
) -> None:
    night(site, 0, "le dépôt ne répond pas")
    assert tell() == [], "this server does not update itself"
    AutomaticStore(site.engine).change_setting(AUTOMATIC_UPDATE.name, "OUI", "admin", now())
    told = [len(tell())]
    text = plain_spaces(post.letters[0].text)
    assert "Si le motif demande quelque chose, faites-le ; sinon, la nuit suivante essaie de nouveau." in text
    for days, words in ((1, "le dépôt ne répond pas"), (2, "disque plein"), (8, "disque plein"), (9, "disque plein")):
        night(site, days, words)
        told.append(len(tell()))
    assert told == [1, 1, 2, 2, 3]
    night(site, 10, "aucune nouvelle version", ok=True)
    assert len(tell()) == 3
    night(site, 11, "disque plein")
    assert len(tell()) == 4


def test_what_there_was_before_the_first_look_is_no_news(site: Site, post: Post) -> None:
    offered(site, "11.7.0")
    site.update()
    News(to(site.config, post), site.operations.reader, PublishedStore(site.engine), now).tell()
    assert post.letters == []


def test_a_failed_backup_is_told(site: Site, post: Post) -> None:
    tell_failed_backup(to(site.config, post), "plus d'espace", now())
    assert "plus d'espace" in post.letters[0].text
    tell_failed_backup(site.config, "personne à qui le dire", now())
    assert len(post.letters) == 1


def test_a_server_that_does_not_answer_loses_the_letter_alone(
    site: Site, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    config = to(site.config, post)
    post.manners = "closed"
    tell_failed_backup(config, "plus d'espace", now())
    assert "could not be told by mail" in caplog.text
