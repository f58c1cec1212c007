"""A release whose migration fails, on the twin or for real: the platform is as before, and the latter never starts
again."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Shoot, choose_archive, sign_in
from tests.support.demo import Client, RunningDemo
from tests.support.watch import watching

pytestmark = pytest.mark.system


def test_what_fails_in_the_rehearsal_is_noticed_by_nobody(demo: RunningDemo) -> None:
    data = demo.data()
    with watching(demo.url) as seen:
        done = demo.cli("import", str(demo.archive("failing_rehearsal")), "--notice-read", "--wait")
    assert done.returncode == 1
    assert "le séjour 2317 ne peut pas être repris" in done.stdout + done.stderr
    client = Client(demo)
    update = client.get("api/updates")[0]
    assert (update["status"], update["to"]) == ("refused", "11.5.8")
    assert client.get("api/status")["lock"] is None
    assert set(seen) == {"11.5.0"}
    assert len(seen) > 20
    assert demo.data() == data
    assert demo.portal_version() == "11.5.0"
    assert not list(demo.layout.root.rglob(".repetition"))


def test_an_archive_is_rehearsed_without_being_installed(demo: RunningDemo) -> None:
    data = demo.data()
    done = demo.cli("rehearse", str(demo.archive("failing_rehearsal")))
    assert done.returncode == 1
    assert "le séjour 2317 ne peut pas être repris" in done.stderr
    assert demo.data() == data
    assert [path.name for path in (demo.layout.platform / "releases").iterdir()] == ["11.5.0"]
    assert not list(demo.layout.backups.glob("update-0-*"))
    assert len(Client(demo).get("api/updates")) == 1


def test_a_failing_migration_leaves_everything_as_before(demo: RunningDemo) -> None:
    data, release = demo.data(), demo.release_files("11.5.0")
    done = demo.cli("import", str(demo.archive("failing_migration")), "--notice-read", "--wait")
    assert done.returncode == 1
    assert "séjour 1042" in done.stdout + done.stderr
    client = Client(demo)
    update = client.get("api/updates")[0]
    assert (update["status"], update["source"], update["to"]) == ("rolled_back", "shell", "11.5.9")
    assert demo.data() == data
    assert demo.release_files("11.5.0") == release
    assert demo.portal_version() == "11.5.0"
    assert client.get("api/status")["lock"] is not None
    story = demo.cli("log", str(update["id"])).stdout
    assert "Migration" in story
    assert "ramenée" in story


def test_that_version_cannot_be_started_again_by_the_shell(demo: RunningDemo) -> None:
    again = demo.cli("import", str(demo.archive("failing_migration")), "--notice-read", "--wait")
    assert again.returncode == 1
    assert "11.5.9 a déjà échoué" in again.stderr
    assert len(Client(demo).get("api/updates")) == 2


def test_nor_by_the_web(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi")
    sign_in(page, demo)
    expect(page.get_by_text("séjour 1042").first).to_be_visible()
    shoot(page, "30-suivi-retour-arriere")
    page.get_by_role("link", name="Import").click()
    choose_archive(page, demo.archive("failing_migration"))
    expect(page.locator("#refus")).to_contain_text("11.5.9 a déjà échoué")
    shoot(page, "31-version-verrouillee")
    client = Client(demo)
    upload_id, _, _ = client.upload(demo.archive("failing_migration"))
    assert client.start_import(upload_id).status_code >= 400
    assert len(client.get("api/updates")) == 2


def test_another_version_can_be_installed_by_the_form_without_javascript(
    demo: RunningDemo, browser: Browser, shoot: Shoot
) -> None:
    with browser.new_context(locale="fr-FR", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{demo.url}/superviseur/mises-a-jour/import")
        sign_in(page, demo)
        shoot(page, "32-sans-javascript")
        choose_archive(page, demo.archive("good"))
        page.get_by_role("button", name="Envoyer le fichier").click()
        expect(page.locator("#verifications")).to_contain_text("11.6.0")
        shoot(page, "33-sans-javascript-verifications")
        page.get_by_label("J'ai lu la notice").check()
        page.locator("#import-button").click()
        # The page asks again by itself (meta refresh) until the end.
        expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no", timeout=90_000)
        shoot(page, "34-sans-javascript-reussie")
    update = Client(demo).get("api/updates")[0]
    assert (update["status"], update["to"], update["source"]) == ("succeeded", "11.6.0", "import")
    assert demo.portal_version() == "11.6.0"
