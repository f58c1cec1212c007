"""What is tidied up, and by whom."""

from datetime import timedelta

import pytest

from ospi_supervisor.bootstrap.worker import make_worker
from ospi_supervisor.store.topics import BACKUPS
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.system.files import UNFINISHED
from ospi_supervisor.system.lock import update_lock
from ospi_supervisor.web.context import now
from ospi_supervisor.web.serving import housekeeping as room
from ospi_supervisor.web.serving.housekeeping import housekeeping
from tests.support.site import Site
from tests.support.system import wait_until
from tests.support.web_process import WebProcess


def leave(site: Site, upload_id: str) -> None:
    """An upload whose time was over yesterday."""
    then = now() - timedelta(days=1)
    row = UploadRow(id=upload_id, filename="a.ospi", size=1, created_by="admin", created_at=then, expires_at=then)
    site.operations.web.add_upload(row)


def test_the_web_process_removes_what_is_old(web: WebProcess) -> None:
    web.stop()
    leave(web.site, "0" * 32)
    leftover = web.site.config.paths.uploads_dir / "reste"
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch()
    web.start()
    wait_until(lambda: not leftover.exists() and not web.site.operations.web.uploads(), "the housekeeping")


def test_the_oldest_refusals_are_forgotten(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REFUSALS_KEPT", 1)
    audit = site.operations.web
    for allowed in (True, True, False, False):
        audit.record_action("connexion", actor="alice", now=now(), allowed=allowed)
    with housekeeping(site.operations):
        wait_until(lambda: len(audit.audit(9)) == 3, "the housekeeping")
    assert [line.allowed for line in audit.audit(9)] == [False, True, True]


def test_what_fails_is_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "INTERVAL_SECONDS", 0.05)
    leftover = site.config.paths.uploads_dir / "reste"
    leftover.mkdir(parents=True)  # no file: it cannot be unlinked
    with housekeeping(site.operations):
        leftover.rmdir()
        leftover.touch()
        wait_until(lambda: not leftover.exists(), "the next minute")


def test_the_worker_removes_nothing_that_the_web_process_lists(site: Site) -> None:
    """It has more rights: a name that leads elsewhere would cost the platform a file."""
    victim = site.config.paths.root / "engine" / "victim"
    victim.touch()
    leave(site, "../../engine/victim")
    uploads = site.config.paths.uploads_dir
    uploads.parent.mkdir(exist_ok=True)
    uploads.symlink_to(victim.parent)
    worker = make_worker(site.config)
    worker.tick()
    assert victim.exists()
    worker.store.close()


def test_the_worker_begins_with_removing_what_a_killed_one_left_half_written(site: Site) -> None:
    config, paths = site.config, site.config.paths
    worker = make_worker(config)
    engine = (paths.engine_dir, paths.trust_dir, paths.records_dir, paths.notices_dir, paths.fetched_dir)
    left = [
        folder / f".annonce.js.448rr8kw{UNFINISHED}"
        for folder in (*engine, config.backup.directory, config.maintenance.page_dir)
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with update_lock(paths.update_lock):  # a command is writing, perhaps one of these
        worker.sweep()
    assert all(path.exists() for path in left)
    worker.sweep()
    assert not any(path.exists() for path in left)
    worker.store.close()


def test_what_there_is_to_restore_is_shown_as_soon_as_an_update_is_over(site: Site) -> None:
    """Not a minute later: the page that told its success would say that there is no backup."""
    worker = make_worker(site.config)
    worker.run_due()
    assert site.operations.reader.published(BACKUPS) is not None
    worker.store.close()
