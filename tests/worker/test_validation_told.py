"""Whom the configuration names hears that a release waits for a decision, once, and not what was decided already."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.validation import Decision, Verdict
from ospi_supervisor.worker.notifications import Notifications
from tests.support.reading import plain_spaces
from tests.support.site import Site, now
from tests.support.smtp_server import Post, a_post
from tests.worker.test_notifications import reports_of, to


@pytest.fixture
def post() -> Iterator[Post]:
    with a_post() as post:
        yield post


@pytest.fixture
def reports(site: Site, post: Post) -> Notifications:
    return reports_of(site, to(site.config, post.port))


def waiting(site: Site) -> int:
    number = site.update()
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    site.engine.set_phase(number, Phase.VALIDATE, facts={"until": (now() + timedelta(hours=1)).isoformat()})
    site.phase(number, Phase.VALIDATE, PhaseStatus.DOING)
    site.config.maintenance.flag.parent.mkdir(parents=True, exist_ok=True)
    site.config.maintenance.flag.touch()
    return number


def test_a_release_that_waits_is_told_once(site: Site, reports: Notifications, post: Post) -> None:
    waiting(site)
    reports.tell()
    reports.tell()
    [letter] = post.letters
    text = plain_spaces(letter.text)
    assert plain_spaces(str(letter.message["Subject"])).endswith("à valider")
    assert "La nouvelle version attend votre validation." in text
    assert "À décider avant :" in text
    assert "Vos utilisateurs voient : la page de maintenance." in text
    assert "#validation=" not in text


def test_what_was_decided_before_it_could_be_told_is_told_by_its_end_alone(
    site: Site, reports: Notifications, post: Post
) -> None:
    number = waiting(site)
    site.engine.decide(number, Decision(verdict=Verdict.OPEN, by="carla"))
    site.phase(number, Phase.VALIDATE, PhaseStatus.DONE)
    reports.tell()
    assert post.letters == []
    site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    site.event(number, "end", Phase.CLEANUP, status=UpdateStatus.SUCCEEDED)
    reports.tell()
    assert len(post.letters) == 1
