"""What may be asked for: checked before the worker is rung, in words that say what to do."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ospi_supervisor.archive.header import read_header
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import ArchiveKind
from ospi_supervisor.domain.plan import DataWeight
from ospi_supervisor.domain.prerequisites import Verdict
from ospi_supervisor.domain.requests import Source, Terms
from ospi_supervisor.domain.unlock import encode_code
from ospi_supervisor.errors import ArchiveError, BusyError, LockedVersionError, RefusedError
from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import DATA_WEIGHT, INSTALLED_LISTING, ListingDocument
from ospi_supervisor.store.web_rows import UploadRow
from tests.support.site import Archives, Site, answering_platform, make_archives, now


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture
def site(tmp_path: Path, archives: Archives) -> Iterator[Site]:
    with answering_platform(tmp_path) as url:
        site = Site(tmp_path / "site", url, archives.root)
        yield site
        site.close()


@pytest.fixture
def rung() -> list[int]:
    return []


@pytest.fixture
def operations(site: Site, rung: list[int]) -> Iterator[Operations]:
    operations = Operations(site.config, rung.append)
    yield operations
    operations.web.close()
    operations.reader.close()


def adopt(operations: Operations, archive: Path, *, read: bool = True) -> UploadRow:
    upload = operations.uploads.adopt_file(archive, "admin")
    return operations.uploads.acknowledge_notice(upload.id, "admin") if read else upload


def refusal(operations: Operations, upload: UploadRow) -> RefusedError:
    with pytest.raises(RefusedError) as error:
        operations.request_import(upload.id, by="admin", source=Source.SHELL)
    return error.value


def test_an_import_is_written_and_the_worker_rung(operations: Operations, archives: Archives, rung: list[int]) -> None:
    upload = adopt(operations, archives.good)
    start_at = now() + timedelta(hours=1)
    number = operations.request_import(upload.id, by="admin", source=Source.SHELL, terms=Terms(start_at=start_at))
    request = operations.web.request(number)
    assert request is not None
    assert (request.kind, request.source, request.requested_by) == ("import", "shell", "admin")
    assert request.payload["upload_id"] == upload.id
    assert request.payload["notice_sha256"] == upload.notice_sha256
    assert request.payload["start_at"] == start_at.isoformat()
    assert request.payload["version"] == "11.6.0"
    assert rung == [number]


@pytest.mark.parametrize("code", ["wrong_product", "downgrade", "platform_too_old", "unsigned", "empty"])
def test_a_refused_archive_is_refused_with_its_reason(operations: Operations, archives: Archives, code: str) -> None:
    error = refusal(operations, adopt(operations, archives.bad[code], read=False))
    assert error.code == code
    assert str(error)


def test_the_verdict_counts_the_rest_of_the_archive_and_the_data_that_the_worker_weighed(
    site: Site, operations: Operations, archives: Archives
) -> None:
    size = archives.good.stat().st_size
    too_much = shutil.disk_usage(site.folder).total

    def room(to_come: int = 0) -> Verdict:
        with archives.good.open("rb") as file:
            header = read_header(file, size, size, operations.trust(), now())
        assert header is not None
        [judgement] = [found for found in operations.verdicts(header, to_come) if found.rule == "room"]
        return judgement.verdict

    assert room() is Verdict.OK
    assert room(to_come=too_much) is Verdict.REFUSED
    for weight, verdict in ((DataWeight(servers=1), Verdict.OK), (DataWeight(servers=too_much), Verdict.REFUSED)):
        PublishedStore(site.engine).publish(DATA_WEIGHT, weight, now())
        assert room() is verdict


def test_an_unread_notice_and_an_incomplete_upload_are_refused(operations: Operations, archives: Archives) -> None:
    assert refusal(operations, adopt(operations, archives.good, read=False)).code == "notice_not_read"
    assert refusal(operations, operations.uploads.create("a.ospi", 1000, "admin")).code == "incomplete"


def test_a_second_update_can_be_scheduled_but_not_started(
    site: Site, operations: Operations, archives: Archives
) -> None:
    number = site.update()
    upload = adopt(operations, archives.good)
    error = refusal(operations, upload)
    assert isinstance(error, BusyError)
    assert f"n° {number}" in str(error)
    assert operations.request_import(
        upload.id, by="admin", source=Source.SHELL, terms=Terms(start_at=now() + timedelta(days=1))
    )


@pytest.mark.parametrize("spelt", ["11.6.0", "11.6", "v11.06.0.0"])
def test_a_version_that_failed_is_refused_as_soon_as_its_header_is_there(
    site: Site, operations: Operations, archives: Archives, spelt: str
) -> None:
    upload = adopt(operations, archives.good)
    number = site.update(UpdateStatus.ROLLED_BACK)
    site.engine.lock_version("portail-bi", spelt, number, now())
    assert site.engine.locked_by("portail-bi", "11.6.0") == number
    assert isinstance(refusal(operations, upload), LockedVersionError)
    later = adopt(operations, archives.good, read=False)
    assert (later.verdict, later.code) == ("refused", "locked")
    assert "contactez le support" in later.reasons[0]


def test_what_was_installed_in_the_meantime_is_not_asked_for_again(
    site: Site, operations: Operations, archives: Archives
) -> None:
    upload = adopt(operations, archives.good)
    platform = site.config.platform.root
    (platform / "releases/11.6.0").mkdir(parents=True)
    (platform / "current").unlink()
    (platform / "current").symlink_to("releases/11.6.0")
    assert refusal(operations, upload).code == "downgrade"


def test_a_cancellation_is_asked_for_while_the_update_goes_on(
    site: Site, operations: Operations, rung: list[int]
) -> None:
    number = site.update()
    request = operations.web.request(operations.request_cancel(number, by="admin", source=Source.IMPORT))
    assert request is not None
    assert (request.kind, request.payload) == ("cancel", {"update_id": number})
    assert rung == [request.id]
    site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    for unknown in (number, 99):
        with pytest.raises(RefusedError):
            operations.request_cancel(unknown, by="admin", source=Source.IMPORT)
    cancelled = site.update(UpdateStatus.CANCELLED)
    assert operations.request_cancel(cancelled, by="admin", source=Source.IMPORT) == request.id + 1


def test_the_status_document(site: Site, operations: Operations) -> None:
    idle = {"product": "portail-bi", "version": "11.5.0", "worker": "down", "maintenance": False}
    assert operations.status() == idle | {"update": None, "restoration": None, "waiting": None, "lock": None}
    number = site.update()
    site.engine.beat(now(), 1)
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    (site.folder / "flag").touch()
    status = operations.status()
    assert (status["worker"], status["maintenance"], status["update"]) == ("up", True, number)
    assert status["lock"] is not None
    assert (status["lock"]["product"], status["lock"]["version"]) == ("portail-bi", "11.6.0")


def test_a_platform_without_a_current_release_has_no_version(site: Site, operations: Operations) -> None:
    (site.folder / "platform/current").unlink()
    assert operations.status()["version"] is None


def test_what_the_shell_did_is_recorded(operations: Operations) -> None:
    operations.record_action("Page de maintenance retirée", by="root", detail="--force")
    line = operations.web.audit(1)[0]
    assert (line.actor, line.action, line.detail) == ("root", "Page de maintenance retirée", "--force")


def test_nothing_can_be_asked_for_while_an_intervention_is_awaited(
    site: Site, operations: Operations, archives: Archives
) -> None:
    upload = adopt(operations, archives.good)
    number = site.update(UpdateStatus.INTERVENTION, to="11.5.9")
    site.engine.lock_version("portail-bi", "11.5.9", number, now())
    assert refusal(operations, upload).code == "intervention"
    later = adopt(operations, archives.good, read=False)
    assert (later.verdict, later.code) == ("refused", "intervention")
    assert f"n° {number} attend une intervention" in later.reasons[0]


def test_a_code_and_a_resumption_are_written_and_the_worker_rung(
    site: Site, operations: Operations, rung: list[int]
) -> None:
    code = encode_code(bytes(64))
    with pytest.raises(RefusedError, match="aucune version n'est verrouillée"):
        operations.request_unlock(code, by="admin", source=Source.SHELL)
    number = site.update(UpdateStatus.INTERVENTION)
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    [challenge] = operations.challenges()
    assert challenge.startswith(f"ospi-deblocage/portail-bi/11.6.0/{number}/")
    with pytest.raises(RefusedError, match="mal recopié"):
        operations.request_unlock("ABC", by="admin", source=Source.SHELL)
    asked = [
        operations.request_unlock(code, by="admin", source=Source.SHELL),
        operations.request_resume(number, by="admin", source=Source.SHELL),
    ]
    assert rung == asked
    kinds = [(request.kind, request.payload) for request in operations.web.requests_after(0)]
    assert kinds == [("unlock", {"code": code}), ("resume", {"update_id": number})]
    site.engine.finish(number, UpdateStatus.ROLLED_BACK, now())
    for unknown in (number, 99):
        with pytest.raises(RefusedError, match="n'attend pas d'intervention"):
            operations.request_resume(unknown, by="admin", source=Source.SHELL)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (None, "dont rien n'a été relevé ici"),
        ("f" * 64, "n'est pas exactement la version 11.5.0 diffusée"),
        ("0" * 64, ""),
    ],
)
def test_a_delta_for_another_tree_is_known_by_its_first_bytes(
    site: Site, operations: Operations, archives: Archives, known: str | None, words: str
) -> None:
    """As after `adopt`, whose tree is seldom the vendor's to the last mode: all its bytes need not be sent first."""
    with archives.good.open("rb") as file:
        size = archives.good.stat().st_size
        header = read_header(file, size, size, operations.trust(), now())
    assert header is not None
    manifest = replace(header.manifest, kind=ArchiveKind.DELTA, base="11.5.0", base_listing="0" * 64)
    delta = replace(header, manifest=manifest)
    assert operations.verdicts(delta, 0)  # before the worker told what is installed
    document = ListingDocument(version=operations.installed_version(), sha256=known)
    PublishedStore(site.engine).publish(INSTALLED_LISTING, document, now())
    if words:
        with pytest.raises(ArchiveError, match=words) as refused:
            operations.verdicts(delta, 0)
        assert refused.value.code == "wrong_base"
    else:
        assert operations.verdicts(delta, 0)
