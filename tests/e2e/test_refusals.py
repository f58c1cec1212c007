"""Archives that must not be installed: each is refused with its own words, and leaves nothing behind."""

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Shoot, choose_archive, leftovers, sign_in
from tests.support.demo import Client, RunningDemo

pytestmark = pytest.mark.system

BAD = {
    "unsigned": "n'est pas signée",
    "foreign_key": "clé",
    "tampered": "altérée",
    "downgrade": "n'est pas plus récente que la version installée (11.5.0)",
    "platform_too_old": "demande une plateforme en version 11.9.0 ou supérieure",
    "wrong_product": "autre produit (portail-rh)",
    "decompressed": "ne pas décompresser",
}
TOLD_BY_THE_HEADER = set(BAD) - {"tampered"}


SHOWN = ("tampered", "unsigned")
"""Told by the last bytes, and by the first."""


def full_unless_shown(name: str) -> ParameterSet:
    """The words of each come through the API, here too; that a page shows them is seen by a sample."""
    return pytest.param(name, marks=() if name in SHOWN else pytest.mark.full)


@pytest.fixture
def samples(demo: RunningDemo, tmp_path: Path) -> dict[str, Path]:
    """The contract's bad archives, and two more that need no vendor."""
    cut, empty = tmp_path / "coupée.ospi", tmp_path / "vide.ospi"
    cut.write_bytes(demo.archive("good").read_bytes()[:-200_000])
    empty.touch()
    return {**{name: demo.archive(name) for name in BAD}, "truncated": cut, "empty": empty}


@pytest.mark.parametrize("name", [*BAD, "truncated", "empty"])
def test_a_bad_archive_is_refused_with_its_own_words(demo: RunningDemo, samples: dict[str, Path], name: str) -> None:
    client = Client(demo)
    upload_id, sent, _ = client.upload(samples[name])
    upload = client.get(f"api/uploads/{upload_id}")
    assert upload["verdict"] == "refused"
    words = {**BAD, "truncated": "incomplète", "empty": "vide"}[name]
    assert words in " ".join(upload["reasons"])
    if name in TOLD_BY_THE_HEADER | {"truncated"}:
        assert sent == 1
    assert client.start_import(upload_id).status_code >= 400
    check_nothing_changed(demo, client)


@pytest.mark.parametrize("name", [*BAD, "truncated", "empty"])
def test_the_shell_refuses_it_alike(demo: RunningDemo, samples: dict[str, Path], name: str) -> None:
    done = demo.cli("import", str(samples[name]), "--notice-read", "--wait")
    assert done.returncode == 1
    assert {**BAD, "truncated": "incomplète", "empty": "vide"}[name] in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    check_nothing_changed(demo, Client(demo))


@pytest.mark.parametrize("name", [full_unless_shown(name) for name in sorted(BAD)])
def test_the_page_says_so(demo: RunningDemo, page: Page, shoot: Shoot, name: str) -> None:
    page.goto(f"{demo.url}/superviseur/mises-a-jour/import")
    sign_in(page, demo)
    choose_archive(page, demo.archive(name))
    expect(page.locator("#refus")).to_contain_text(BAD[name])
    expect(page.locator(".unscripted").first).to_be_hidden()
    shoot(page, f"20-refus-{name.replace('_', '-')}")


def check_nothing_changed(demo: RunningDemo, client: Client) -> None:
    """No byte left, no update begun, the platform as it was."""
    assert leftovers(demo) == []
    assert client.get("api/updates") == []
    assert demo.portal_version() == "11.5.0"


def test_an_ordinary_user_may_not_come_in(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    page.goto(f"{demo.url}/superviseur/mises-a-jour/import")
    account = demo.document["user"]
    page.get_by_label("Identifiant").fill(account["username"])
    page.get_by_label("Mot de passe").fill(account["password"])
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_text("administration system").first).to_be_visible()
    shoot(page, "21-acces-refuse")
    assert page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi").status == 403  # type: ignore[union-attr]
