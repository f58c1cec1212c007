"""What is done from the shell is in the « traçabilité », in the words of the pages, and says how it ended."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.system.lock import update_lock
from tests.commands.conftest import Shell
from tests.support.site import Archives, Site

BUSY = "une mise à jour ou une restauration est déjà en cours ; attendez sa fin"


def traced(site: Site) -> list[tuple[str, str, bool]]:
    """All that was recorded, the oldest first: what, of what, and whether it was allowed."""
    return [(line.action, line.detail, line.allowed) for line in reversed(site.operations.web.audit(99))]


def test_the_page_taken_away_by_hand_is_recorded_once_it_is(shell: Shell, site: Site) -> None:
    (site.folder / "flag").touch()
    assert shell("maintenance", "off", "--force").exit_code == 0
    assert traced(site) == [("page de maintenance retirée", "forcé", True)]


@pytest.mark.parametrize(
    ("switch", "recorded"),
    [
        ("on", "mise en place de la page de maintenance non aboutie"),
        ("off", "retrait de la page de maintenance non abouti"),
    ],
)
def test_a_page_that_was_not_switched_is_not_said_to_be(shell: Shell, site: Site, switch: str, recorded: str) -> None:
    with update_lock(site.config.paths.update_lock):
        assert shell("maintenance", switch).exit_code == 1
    assert traced(site) == [(recorded, f"{BUSY} ; --force passe outre, et sera tracé", False)]


@pytest.mark.parametrize("command", [["backup", "create"], ["adopt", "11.5.0"]])
def test_what_is_refused_while_an_update_runs_is_recorded_as_refused(
    shell: Shell, site: Site, command: list[str]
) -> None:
    with update_lock(site.config.paths.update_lock):
        assert shell(*command).exit_code == 1
    [(action, detail, allowed)] = traced(site)
    assert "non abouti" in action
    assert detail.endswith(BUSY)
    assert not allowed


def test_a_restoration_that_was_asked_for_says_how_it_ended(shell: Shell, site: Site) -> None:
    assert shell("backup", "create").exit_code == 0
    name = traced(site)[0][1]
    with update_lock(site.config.paths.update_lock):
        assert shell("backup", "restore", name, "--yes").exit_code == 1
    assert traced(site)[1:] == [
        ("restauration demandée", name, True),
        ("restauration non aboutie", f"{name} : {BUSY}", False),
    ]


def test_an_export_is_recorded_however_it_ends(shell: Shell, site: Site, tmp_path: Path) -> None:
    shell("backup", "create")
    name = traced(site)[0][1]
    assert shell("backup", "export", name, tmp_path / "a.tar").exit_code == 0
    assert shell("backup", "export", name, tmp_path / "absent" / "a.tar").exit_code == 1
    done, failed = traced(site)[1:]
    assert done == ("sauvegarde exportée", f"{name} vers {tmp_path}/a.tar", True)
    assert (failed[0], failed[2]) == ("export de sauvegarde non abouti", False)
    assert failed[1].startswith(f"{name} vers {tmp_path}/absent/a.tar : ")


def test_an_import_leaves_the_notice_with_its_hash_and_the_request(
    shell: Shell, site: Site, archives: Archives
) -> None:
    assert shell("import", archives.good, "--notice-read").exit_code == 0
    with tarfile.open(archives.good) as archive:
        notice = archive.extractfile("notice.pdf")
        assert notice is not None
        sha256 = hashlib.sha256(notice.read()).hexdigest()
    assert traced(site) == [
        ("notice lue", f"good.ospi, sha256 {sha256}", True),
        ("installation demandée", "good.ospi, demande 1", True),
    ]


def test_a_refused_archive_is_recorded_with_its_reason(shell: Shell, site: Site, archives: Archives) -> None:
    path = archives.bad["unsigned"]
    refused = shell("import", path, "--notice-read")
    reason = refused.stderr.removeprefix("ospi-supervisor : ").strip()
    assert refused.exit_code == 1
    assert traced(site) == [("archive refusée", f"{path.name} : {reason}", False)]


def test_an_import_without_the_notice_or_at_the_wrong_time_is_recorded_as_refused(
    shell: Shell, site: Site, archives: Archives
) -> None:
    assert shell("import", archives.good).exit_code == 1
    site.update()
    assert shell("import", archives.good, "--notice-read").exit_code == 1
    unread, read, busy = traced(site)
    assert (unread[0], unread[2]) == ("installation refusée", False)
    assert unread[1].startswith("good.ospi : lisez d'abord la notice")
    assert read[0] == "notice lue"
    assert busy == ("installation refusée", "good.ospi : la mise à jour n° 1 est en cours ; attendez sa fin", False)
    assert site.operations.web.uploads() == []


def test_a_cancellation_is_recorded(shell: Shell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.commands.following.WORKER_PATIENCE_SECONDS", 0)
    number = site.update(UpdateStatus.RUNNING)
    assert shell("cancel", number).exit_code == 1  # nobody answers: there is no worker here
    assert traced(site) == [("annulation demandée", f"mise à jour {number}, demande 1", True)]


def test_units_that_were_written_are_recorded(shell: Shell, site: Site, tmp_path: Path) -> None:
    assert shell("systemd").exit_code == 0
    assert traced(site) == []
    assert shell("systemd", tmp_path).exit_code == 0
    assert traced(site) == [("unités systemd écrites", str(tmp_path), True)]
