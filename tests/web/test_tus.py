"""The resumable upload, held against tus 1.0.0 and against an official client."""

import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support.site import Archives, Browser, Site, now


def test_its_capabilities(admin: Browser) -> None:
    headers = admin.send("OPTIONS", "mises-a-jour/televersements").headers
    assert headers["Tus-Version"] == "1.0.0"
    assert set(headers["Tus-Extension"].split(",")) == {"creation", "checksum", "expiration", "termination"}
    assert headers["Tus-Max-Size"] == "4000000000"
    assert headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_another_version_is_refused(admin: Browser) -> None:
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        response = admin.send("POST", "mises-a-jour/televersements", {"Upload-Length": "3", **headers})
        assert response.status_code == 412
        assert response.headers["Tus-Version"] == "1.0.0"


@pytest.mark.parametrize("length", [None, "", "-1", "trois", "²", "9" * 5000])
def test_creation_needs_a_length(admin: Browser, length: str | None) -> None:
    headers = {} if length is None else {"Upload-Length": length}
    assert admin.tus("POST", headers=headers).status_code == 400


@pytest.mark.parametrize("metadata", ["filename %%%", "filename é", "filename /w=="])
def test_creation_refuses_metadata_of_another_form(admin: Browser, metadata: str) -> None:
    response = admin.tus("POST", headers={"Upload-Length": "3", "Upload-Metadata": metadata})
    assert response.status_code == 400
    assert "Upload-Metadata" in response.text


def test_an_archive_beyond_the_limit_is_refused_before_a_byte_is_sent(admin: Browser) -> None:
    response = admin.tus("POST", headers={"Upload-Length": "4000000001"})
    assert response.status_code == 413
    assert "max_archive_bytes" in response.json["message"]  # type: ignore[index]  # JSON by the contract


def test_a_whole_upload_in_slices(admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    upload = admin.create(len(data))
    for offset in range(0, len(data), 1_000_000):
        response = admin.slice(upload, offset, data[offset : offset + 1_000_000])
        assert response.status_code == 204
        assert response.headers["Upload-Offset"] == str(min(len(data), offset + 1_000_000))
        assert "Upload-Expires" in response.headers
    head = admin.tus("HEAD", upload)
    assert (head.status_code, head.headers["Upload-Offset"]) == (200, str(len(data)))
    assert head.headers["Upload-Length"] == str(len(data))
    assert head.headers["Cache-Control"] == "no-store"
    document = admin.document(upload)
    assert document["complete"]
    assert (document["filename"], document["size"], document["offset"]) == ("maj.ospi", len(data), len(data))


def test_a_slice_that_does_not_follow_is_a_conflict(admin: Browser) -> None:
    upload = admin.create(10)
    for offset in (3, 11):
        response = admin.slice(upload, offset, b"abc")
        assert (response.status_code, response.headers["Upload-Offset"]) == (409, "0")


def test_more_than_announced_is_refused(admin: Browser) -> None:
    assert admin.slice(admin.create(10), 0, b"x" * 11).status_code == 413


def test_a_slice_of_another_type_or_without_offset_is_refused(admin: Browser) -> None:
    upload = admin.create(10)
    assert admin.slice(upload, 0, b"abc", **{"Content-Type": "text/plain"}).status_code == 415
    for offset in ("zéro".encode().decode("latin-1"), "9" * 5000):
        assert admin.slice(upload, 0, b"abc", **{"Upload-Offset": offset}).status_code == 400


def test_a_slice_beyond_eight_mebibytes_is_refused(admin: Browser) -> None:
    upload = admin.create(20_000_000)
    assert admin.slice(upload, 0, bytes(8 * 1024 * 1024 + 1)).status_code == 413
    assert admin.document(upload)["offset"] == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_checksums_are_held_against_the_slice(admin: Browser, archives: Archives, algorithm: str) -> None:
    data = archives.good.read_bytes()
    upload = admin.create(len(data))
    right = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    wrong = base64.b64encode(hashlib.new(algorithm, b"autre").digest()).decode()
    assert admin.slice(upload, 0, data, **{"Upload-Checksum": f"{algorithm} {wrong}"}).status_code == 460
    assert admin.document(upload)["offset"] == 0
    assert admin.slice(upload, 0, data, **{"Upload-Checksum": f"{algorithm} {right}"}).status_code == 204


@pytest.mark.parametrize("header", ["md5 AAAA", "sha256 ****", "sha256", "sha1 é"])
def test_a_checksum_that_cannot_be_held_is_refused(admin: Browser, header: str) -> None:
    assert admin.slice(admin.create(3), 0, b"abc", **{"Upload-Checksum": header}).status_code in (400, 460)


def as_post(browser: Browser, method: str, path: str = "", headers: dict[str, str] | None = None) -> TestResponse:
    """A request whose method only a header tells."""
    return browser.tus("POST", path, (headers or {}) | {"X-HTTP-Method-Override": method}, b"abc")


def test_where_only_post_comes_through_a_header_names_the_method(site: Site, admin: Browser) -> None:
    upload = admin.create(10)
    slice_headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert as_post(admin, "PATCH", upload, slice_headers).headers["Upload-Offset"] == "3"
    head = as_post(admin, "HEAD", upload)
    assert (head.status_code, head.headers["Upload-Offset"], head.data) == (200, "3", b"")
    assert as_post(admin, "HEAD", "x").headers["Content-Length"] == "0"
    assert as_post(admin, "OPTIONS").headers["Tus-Version"] == "1.0.0"
    assert as_post(admin, "PUT", headers={"Upload-Length": "3"}).status_code == 405
    assert as_post(admin, "DELETE", upload).status_code == 204
    assert site.operations.web.uploads() == []


def test_a_method_named_by_a_header_is_guarded_as_the_method(site: Site, admin: Browser) -> None:
    upload = admin.create(10)
    admin.token, token = "faux", admin.token
    assert as_post(admin, "DELETE", upload).status_code == 400
    admin.token = token
    assert as_post(site.browser("infirmier"), "DELETE", upload).status_code == 403
    assert as_post(site.browser(None), "DELETE", upload).status_code == 401
    assert [row.id for row in site.operations.web.uploads()] == [upload]


def test_only_uploads_know_methods_named_by_a_header(site: Site, admin: Browser) -> None:
    response = admin.send("POST", "sauvegardes", {"X-HTTP-Method-Override": "GET"})
    assert response.status_code == 303
    assert len(site.operations.web.requests_after(0)) == 1


def test_every_answer_names_the_protocol(site: Site, admin: Browser) -> None:
    somebody = site.browser("infirmier")
    answers = [
        admin.tus("PUT"),
        admin.tus("GET", "x/y/z"),
        somebody.tus("POST"),
        site.browser(None).tus("POST"),
        site.browser(None).send("PATCH", "mises-a-jour/televersements/x/y", {"Accept": "text/html"}),
    ]
    assert [answer.status_code for answer in answers] == [405, 404, 403, 401, 303]
    assert {answer.headers.get("Tus-Resumable") for answer in answers} == {"1.0.0"}
    assert "Tus-Resumable" not in admin.get("support").headers


def test_an_upload_can_be_given_up(site: Site, admin: Browser) -> None:
    upload = admin.create(10)
    admin.slice(upload, 0, b"abc")
    assert admin.tus("DELETE", upload).status_code == 204
    assert admin.tus("HEAD", upload).status_code == 404
    assert list(site.config.paths.uploads_dir.iterdir()) == []


def test_an_expired_upload_is_gone(site: Site, admin: Browser) -> None:
    upload = admin.create(10)
    site.operations.web.change_upload(upload, expires_at=now() - timedelta(seconds=1))
    assert admin.tus("HEAD", upload).status_code == 410
    assert admin.slice(upload, 0, b"abc").status_code == 410


def test_an_upload_in_use_by_another_request_is_locked(site: Site, admin: Browser) -> None:
    upload = admin.create(10)
    with site.operations.uploads._exclusively(upload):
        assert admin.slice(upload, 0, b"abc").status_code == 423
    assert admin.document(upload)["offset"] == 0


def test_an_unknown_upload_is_not_found(admin: Browser) -> None:
    assert admin.tus("HEAD", "0" * 32).status_code == 404
    assert admin.tus("HEAD", "..%2f..%2fetc%2fpasswd").status_code == 404


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unsigned", "pas signée"),
        ("foreign_key", "clé"),
        ("tampered", "altérée"),
        ("truncated", "incomplète"),
        ("decompressed", "ne pas décompresser"),
        ("downgrade", "pas plus récente"),
        ("wrong_product", "autre produit"),
        ("platform_too_old", "version intermédiaire"),
    ],
)
def test_a_bad_archive_is_refused_in_its_own_words_and_leaves_nothing(
    site: Site, admin: Browser, archives: Archives, name: str, words: str
) -> None:
    data = archives.bad[name].read_bytes()
    upload = admin.create(len(data))
    response = admin.slice(upload, 0, data[: 1024 * 1024])
    assert response.status_code == 422
    document = admin.document(upload)
    assert (document["verdict"], document["code"]) == ("refused", name)
    assert words in " ".join(document["reasons"])
    assert response.json["message"] == document["reasons"][0]  # type: ignore[index]  # JSON by the contract
    assert list(site.config.paths.uploads_dir.iterdir()) == []
    assert admin.slice(upload, document["offset"], b"suite").status_code == 422
    assert admin.tus("HEAD", upload).status_code == 410


def test_an_empty_file_is_refused_at_once(admin: Browser) -> None:
    document = admin.document(admin.create(0))
    assert (document["verdict"], document["code"]) == ("refused", "empty")


def test_a_slice_is_not_copied_into_the_upload_of_another_file(admin: Browser, tmp_path: Path) -> None:
    first, second = admin.create(10), admin.create(10)
    admin.slice(first, 0, b"premier")
    assert admin.document(second)["offset"] == 0
