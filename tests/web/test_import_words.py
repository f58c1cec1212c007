"""What the Import tab says of an upload."""

from tests.support.site import Archives, Browser


def test_an_archive_that_is_not_as_it_was_signed_has_no_valid_signature(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.bad["tampered"])
    assert admin.document(upload)["code"] == "tampered"
    card = admin.get(f"mises-a-jour/televersements/{upload}/fiche").text
    assert "valide" not in card


def test_the_list_says_what_was_asked_for_already(admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    upload = admin.create(len(data))
    admin.slice(upload, 0, data[: 1024 * 1024])
    assert "installation déjà demandée" not in admin.get("mises-a-jour/import").text
    address = f"mises-a-jour/televersements/{upload}/importer"
    assert admin.post(address, data={"notice_read": "1"}, headers={"Accept": "application/json"}).status_code == 202
    assert "installation déjà demandée" in admin.get("mises-a-jour/import").text


def test_without_scripts_a_refusal_stands_where_the_act_was(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    page = admin.get(f"mises-a-jour/import?televersement={upload}").text
    assert f"{upload}/importer#installation" in page
    answer = admin.post(f"mises-a-jour/televersements/{upload}/importer", headers={"Accept": "text/html"})
    assert answer.status_code == 409
    before, _, after = answer.text.partition('id="import-error"')
    assert "Lisez d&#39;abord la notice" not in before
    assert "Lisez d&#39;abord la notice" in after.partition('id="import-form"')[0]
