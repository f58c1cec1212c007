"""« Importer »: the worker is asked once, whoever looks and whatever dies on the way."""

from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.requests import Asker, Source
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.web_rows import ImportWish
from tests.support.site import Archives, Site, now

ASKER = Asker(name="admin", source=Source.IMPORT)


def test_one_caller_asks_the_worker_and_a_refusal_lets_the_next_one_ask(
    site: Site, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports, uploads = site.operations.imports, site.operations.uploads
    row = uploads.adopt_file(archives.good, "admin")
    uploads.acknowledge_notice(row.id, "admin")
    assert imports.claim(row.id) is None
    imports.want(row.id, ImportWish(by="admin"))
    claimed = imports.claim(row.id)
    assert claimed is not None
    assert imports.want(row.id, ImportWish(by="bob")).import_requested == claimed.import_requested
    assert imports.claim(row.id) is None
    imports.note_request(claimed, request=None, error="non")
    assert imports.claim(row.id) is not None
    monkeypatch.setattr("ospi_supervisor.operations.imports.CLAIM_LASTS", timedelta(0))
    again = imports.claim(row.id)
    assert again is not None, "whoever claimed it has died"
    assert imports.note_request(again, request=7, error=None).request == 7
    assert imports.claim(row.id) is None


def asked_for(site: Site, archives: Archives) -> tuple[str, int]:
    """An upload whose installation was asked for, and the update that the worker made of it, which runs."""
    imports, uploads = site.operations.imports, site.operations.uploads
    row = uploads.adopt_file(archives.good, "admin")
    number = imports.press(row.id, ASKER, notice_read=True)
    assert number is not None
    update = site.update()
    site.engine.answer(number, accepted=True, update_id=update, now=now())
    return row.id, update


@pytest.mark.parametrize(
    "status",
    [
        UpdateStatus.REFUSED,
        UpdateStatus.FAILED,
        UpdateStatus.CANCELLED,
        UpdateStatus.ROLLED_BACK,
        UpdateStatus.INTERVENTION,
    ],
)
def test_an_upload_whose_update_ended_otherwise_than_well_is_free_again(
    site: Site, archives: Archives, status: UpdateStatus
) -> None:
    imports = site.operations.imports
    upload, update = asked_for(site, archives)
    with pytest.raises(RefusedError, match="déjà demandée"):
        imports.give_up(upload, ASKER)
    site.engine.set_failure(update, Phase.STAGE, "plus d'espace sur le disque")
    site.engine.finish(update, status, now())
    row = imports.current(upload, ASKER)
    assert row.request is None
    assert row.import_requested is not None
    assert f"la mise à jour n° {update}" in str(row.import_requested.error)
    assert "plus d'espace sur le disque" in str(row.import_requested.error)
    assert [other.id for other in imports.unfinished("admin")] == [upload]
    if status is UpdateStatus.FAILED:  # nothing locks: « Importer » again is a new request
        again = imports.press(upload, ASKER, notice_read=True)
        assert again is not None
        assert site.operations.reader.answer(again) is None
    else:
        imports.give_up(upload, ASKER)
        assert site.operations.uploads.path(upload).exists() is False


def test_an_upload_in_use_outlives_a_clock_that_was_set_far_forward(site: Site, archives: Archives) -> None:
    uploads, imports = site.operations.uploads, site.operations.imports
    upload, update = asked_for(site, archives)
    later = now() + timedelta(days=4000)
    assert uploads.expire(later, imports.in_use()) == 0
    assert uploads.path(upload).exists()
    site.engine.finish(update, UpdateStatus.FAILED, now())
    assert uploads.expire(later, imports.in_use()) == 1


def test_an_upload_that_is_being_installed_or_was_is_not_free(site: Site, archives: Archives) -> None:
    imports = site.operations.imports
    upload, update = asked_for(site, archives)
    assert imports.current(upload, ASKER).request is not None
    site.engine.finish(update, UpdateStatus.SUCCEEDED, now())
    assert imports.current(upload, ASKER).request is not None
    assert imports.unfinished("admin") == []
