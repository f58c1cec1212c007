"""The page Sauvegardes: what the worker published, and « Sauvegarder maintenant »."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.bootstrap.administration import make_administration
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.plan import DataWeight
from ospi_supervisor.domain.requests import MakeBackup
from ospi_supervisor.errors import BusyError
from ospi_supervisor.hands.inside.walk import NAME_BYTES
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import BACKUPS, DATA_WEIGHT
from ospi_supervisor.worker.backup_requests import REQUEST_LIFETIME, WEIGHT_LASTS, BackupRequests
from tests.support.site import PASSWORD, Browser, Site, now
from tests.support.tmpfs import small_disk


def press(site: Site, browser: Browser) -> int:
    """« Sauvegarder maintenant »; the request's number."""
    response = browser.post("sauvegardes")
    assert response.status_code == 303
    return int(re.findall(r"demande=(\d+)", response.headers["Location"])[0])


@pytest.fixture
def backups(site: Site) -> BackupRequests:
    """The worker's part, as `bootstrap` puts it together."""
    administration = make_administration(site.config)
    site.config.backup.directory.mkdir()
    return BackupRequests(
        engine=site.engine,
        published=PublishedStore(site.engine),
        snapshots=administration.snapshots,
        directory=site.config.backup.directory,
        take=administration.create_backup,
        clock=now,
        stopping=lambda: False,
    )


def answer(site: Site, backups: BackupRequests, number: int) -> None:
    """The worker gets to that request."""
    request = site.operations.web.request(number)
    assert request is not None
    backups.answer(request)


def test_before_the_worker_said_anything_the_page_says_so(admin: Browser) -> None:
    assert "n'a pas encore dit" in admin.get("sauvegardes").text


def test_a_backup_from_the_button_to_the_list(site: Site, admin: Browser, backups: BackupRequests) -> None:
    backups.publish()
    assert "Il n'y a encore aucune sauvegarde" in admin.get("sauvegardes").text
    number = press(site, admin)
    assert "La sauvegarde n'est pas faite." in unescape(admin.get(f"sauvegardes?demande={number}").text), "no worker"
    site.engine.beat(now(), 1)
    waiting = admin.get(f"sauvegardes?demande={number}").text
    assert "La sauvegarde est en cours" in waiting
    assert 'http-equiv="refresh"' in waiting
    answer(site, backups, number)
    page = admin.get(f"sauvegardes?demande={number}").text
    assert "La sauvegarde est faite, et relue" in page
    [snapshot] = backups.snapshots.list()
    assert f"<code>{snapshot.id}</code>" in page
    assert re.search(r"entière \(fichiers : \d+\s\w+ avant compression\)", page)
    assert "bases de données comprises" in page
    assert "11.5.0" in page
    assert "backup restore" in page
    line = site.operations.web.audit(1)[0]
    assert (line.actor, line.action) == ("admin", "sauvegarde demandée")


def test_while_an_update_runs_it_is_refused(site: Site, admin: Browser, backups: BackupRequests) -> None:
    number = press(site, admin)
    with make_administration(site.config).lock():
        answer(site, backups, number)
    assert "déjà en cours" in admin.get(f"sauvegardes?demande={number}").text
    assert backups.snapshots.list() == []


def test_nothing_is_changed_by_hand_under_an_update_that_a_worker_left(site: Site, backups: BackupRequests) -> None:
    """Its worker is down; taken up again, it would undo what was done meanwhile."""
    administration = make_administration(site.config)
    snapshot = administration.create_backup()
    update = site.update()
    for act in (
        lambda: administration.restore(snapshot.id, print, lambda *_: None),
        lambda: administration.adopt("11.5.0"),
        lambda: administration.maintenance(on=True),
    ):
        with pytest.raises(BusyError, match=rf"mise à jour n° {update} n'est pas terminée"):
            act()


def test_a_stopping_worker_leaves_the_request_to_the_next_one(
    site: Site, admin: Browser, backups: BackupRequests
) -> None:
    number = press(site, admin)
    answer(site, replace(backups, stopping=lambda: True), number)
    assert site.operations.reader.answer(number) is None
    assert backups.snapshots.list() == []
    answer(site, backups, number)
    assert len(backups.snapshots.list()) == 1


def test_it_is_made_once(site: Site, admin: Browser, backups: BackupRequests) -> None:
    number = press(site, admin)
    answer(site, backups, number)
    answer(site, backups, number)
    assert len(backups.snapshots.list()) == 1


def test_pressed_twice_it_is_one_backup(site: Site, admin: Browser, backups: BackupRequests) -> None:
    browsers = [admin, *(site.browser() for _ in range(5))]
    with ThreadPoolExecutor(len(browsers)) as pool:
        [number] = set(pool.map(lambda browser: press(site, browser), browsers))
    answer(site, backups, number)
    assert press(site, admin) != number


def test_a_request_that_waited_too_long_is_refused(site: Site, admin: Browser, backups: BackupRequests) -> None:
    asked = now() - REQUEST_LIFETIME - timedelta(seconds=1)
    number = site.operations.web.add_request(MakeBackup.kind, {}, source="import", by="admin", now=asked)
    answer(site, backups, number)
    assert "Cette demande a trop attendu" in admin.get(f"sauvegardes?demande={number}").text


@pytest.mark.system
def test_without_the_room_nothing_begins(site: Site, admin: Browser, backups: BackupRequests) -> None:
    number = press(site, admin)
    data = site.folder / "data"
    data.mkdir()
    (data / "dossier").write_bytes(bytes(2 * 1024 * 1024))
    with small_disk(backups.directory, "1m"):
        snapshots = Snapshots(backups.directory, [data], [], keep=1)
        answer(site, replace(backups, snapshots=snapshots), number)
        assert list(backups.directory.iterdir()) == []
    page = admin.get(f"sauvegardes?demande={number}").text
    assert "Il faut jusqu&#39;à 2,1 Mo pour cette sauvegarde et il reste 1 Mo" in page


@pytest.fixture
def weighing(site: Site, backups: BackupRequests) -> BackupRequests:
    """The worker's part where there is a folder of data, of 300 bytes."""
    data = site.folder / "data"
    (data / "dossier").mkdir(parents=True)
    (data / "dossier" / "fichier").write_bytes(bytes(300))
    return replace(backups, snapshots=Snapshots(backups.directory, [data], [], keep=1))


def weight(site: Site) -> DataWeight | None:
    published = site.operations.reader.published(DATA_WEIGHT)
    return published and published[1]


def test_housekeeping_tells_the_pages_what_the_data_weigh_each_hour(site: Site, weighing: BackupRequests) -> None:
    data, hours = str(site.folder / "data"), [now()]
    weighing.clock = lambda: hours[-1]
    weighing.keep_house()
    assert weight(site) == DataWeight(places={data: 300 + 3 * NAME_BYTES})
    (site.folder / "data/autre").write_bytes(bytes(20))
    hours.append(hours[0] + WEIGHT_LASTS - timedelta(seconds=1))
    weighing.keep_house()
    assert weight(site) == DataWeight(places={data: 300 + 3 * NAME_BYTES})
    hours.append(hours[0] + WEIGHT_LASTS)
    weighing.keep_house()
    assert weight(site) == DataWeight(places={data: 320 + 4 * NAME_BYTES})


def test_the_data_are_not_weighed_while_an_update_needs_the_disks(site: Site, weighing: BackupRequests) -> None:
    number = site.update()
    weighing.keep_house()
    assert weight(site) is None
    site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    weighing.keep_house()
    assert weight(site) is not None


def test_a_stopping_worker_does_not_finish_weighing(site: Site, weighing: BackupRequests) -> None:
    weighing.stopping = lambda: True
    weighing.keep_house()
    assert weight(site) is None
    assert site.operations.reader.published(BACKUPS) is not None


def test_an_old_sign_in_is_asked_for_the_password(site: Site, admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.operations.accounts.RECENT_SIGN_IN", timedelta(0))
    response = admin.post("sauvegardes")
    assert response.status_code == 403
    assert 'name="password"' in response.text
    assert site.operations.web.requests_after(0) == []
    assert admin.post("sauvegardes", data={"password": PASSWORD}).status_code == 303
