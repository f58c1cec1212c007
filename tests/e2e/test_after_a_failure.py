"""After a failure, on the demonstration's real platform: « Reprendre », the support's code, and the diagnostics."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Shoot, sign_in
from tests.support.demo import Client, RunningDemo

pytestmark = pytest.mark.system


def support_code(demo: RunningDemo, challenge: str) -> str:
    """What the support answers, by the vendor's own tool."""
    key = demo.layout.vendor / "keys" / "private" / "support.pem"
    program = str(Path(sys.executable).with_name("ospi-release"))
    command = [program, "unlock-code", "--key", str(key), challenge]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def start_of(demo: RunningDemo) -> Path:
    """What the old release needs to start, and only then."""
    return demo.layout.platform / "releases" / "11.5.0" / "portail" / "__main__.py"


def test_an_old_release_that_does_not_start_again_needs_an_intervention(demo: RunningDemo) -> None:
    demo.layout.root.joinpath("expected-data").write_text(str(sorted(demo.data().items())), encoding="utf-8")
    start_of(demo).rename(demo.layout.root / "start-of-11.5.0")
    done = demo.cli("import", str(demo.archive("failing_migration")), "--notice-read", "--wait")
    assert done.returncode == 1
    update = Client(demo).get("api/updates/1")
    assert (update["status"], update["failed_phase"]) == ("intervention", "migrate")
    assert Client(demo).get("api/status")["maintenance"] is True
    assert demo.portal_version() is None


def test_nothing_is_released_or_installed_while_the_platform_is_not_well(demo: RunningDemo) -> None:
    challenge = demo.cli("unlock", "--challenge").stdout.strip()
    assert challenge.startswith("ospi-deblocage/portail-bi/11.5.9/1/")
    refused = demo.cli("unlock", support_code(demo, challenge))
    assert refused.returncode == 1
    assert "la plateforme n'est pas en état" in refused.stderr
    other = demo.cli("import", str(demo.archive("good")), "--notice-read", "--wait")
    assert other.returncode == 1
    assert "attend une intervention" in other.stderr


def test_taken_up_again_too_early_it_stops_again(demo: RunningDemo) -> None:
    done = demo.cli("resume", "1", "--wait")
    assert done.returncode == 1
    assert "intervention nécessaire" in done.stderr


def test_once_the_cause_is_gone_it_goes_on_to_a_sound_platform(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi")
    sign_in(page, demo)
    expect(page.locator("#titre")).to_contain_text("une intervention est nécessaire")
    shoot(page, "40-suivi-intervention")
    page.goto(f"{demo.url}/superviseur/support")
    shoot(page, "41-support-intervention")
    (demo.layout.root / "start-of-11.5.0").rename(start_of(demo))
    page.get_by_role("button", name="Reprendre").click()
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no", timeout=60_000)
    expect(page.locator("#titre")).to_contain_text("la plateforme est revenue à l'ancienne version")
    shoot(page, "42-suivi-apres-reprise")
    assert demo.portal_version() == "11.5.0"
    expected = (demo.layout.root / "expected-data").read_text(encoding="utf-8")
    assert str(sorted(demo.data().items())) == expected
    assert "Reprise demandée par admin." in demo.cli("log", "1").stdout


def test_the_supports_code_releases_the_version_once(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    page.goto(f"{demo.url}/superviseur/support")
    sign_in(page, demo)
    challenge = page.locator(".challenge").inner_text().strip()
    code = support_code(demo, challenge)
    page.get_by_label("Code reçu du support").fill(f"{code[:50]}\n{code[50:]}")
    page.get_by_role("button", name="Débloquer").click()
    expect(page.get_by_text("Le code est accepté.")).to_be_visible()
    shoot(page, "43-support-debloquee")
    assert Client(demo).get("api/status")["lock"] is None
    refused = demo.cli("unlock", code)
    assert refused.returncode == 1
    assert "aucune version n'est verrouillée" in refused.stderr
    again = demo.cli("import", str(demo.archive("failing_migration")), "--notice-read", "--wait")
    assert "ramenée à l'ancienne version" in again.stderr
    assert "a déjà servi" in demo.cli("unlock", code).stderr


def test_the_diagnostics_tell_the_story(demo: RunningDemo, tmp_path: Path) -> None:
    done = demo.cli("diagnostics", str(tmp_path / "diagnostic.zip"))
    assert done.returncode == 0
    with zipfile.ZipFile(tmp_path / "diagnostic.zip") as archive:
        assert "Reprise demandée par admin." in archive.read("journaux.txt").decode()
        assert "séjour 1042" in archive.read("logs/update-1.log").decode()
        passwords = [demo.document[name]["password"] for name in ("admin", "user")]
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert [password for password in passwords if password in everything] == []
