"""Interruptions at moments too short for a test from outside, and what is common to all commands."""

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.errors import StoppedByHandError
from ospi_supervisor.operations.imports import Imports
from ospi_supervisor.system import interruption
from tests.commands.conftest import Shell
from tests.e2e import interruptions as rows
from tests.support.site import Archives, Site


def interrupted(*_args: object, **_options: object) -> NoReturn:
    raise KeyboardInterrupt


def test_an_archive_half_read_is_not_kept(
    shell: Shell, site: Site, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ospi_supervisor.operations.uploads.copy_durably", interrupted)
    result = shell("import", archives.good, "--notice-read")
    assert (result.exit_code, rows.RECEIVING.says in result.stderr) == (1, True), result.stderr
    assert (site.operations.web.uploads(), site.operations.web.requests_after(0)) == ([], [])
    assert list(site.config.paths.uploads_dir.iterdir()) == []


def test_a_request_that_was_made_is_told(
    shell: Shell, site: Site, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    press = Imports.press

    def pressed_while_interrupted(*args: Any, **options: Any) -> int | None:
        interruption._come(2, None)
        return press(*args, **options)

    monkeypatch.setattr(Imports, "press", pressed_while_interrupted)
    result = shell("import", archives.good, "--notice-read")
    assert (result.exit_code, rows.ASKED.says in result.stderr) == (1, True), result.stderr
    assert len(site.operations.web.requests_after(0)) == 1


def test_a_backup_half_read_is_not_judged(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Snapshots, "verify", interrupted)
    result = shell("backup", "verify", "manuelle-1")
    assert (result.exit_code, rows.READING.says in result.stderr) == (1, True)


def test_an_export_half_written_is_not_kept(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("backup", "create").exit_code == 0
    name = json.loads(shell("backup", "list", "--json").stdout)[0]["id"]
    monkeypatch.setattr("ospi_supervisor.backup.export.pass_members", interrupted)
    monkeypatch.setattr("tarfile.TarFile.add", interrupted)
    result = shell("backup", "export", name, tmp_path / "sauvegarde.tar")
    assert (result.exit_code, rows.EXPORTING.says in result.stderr) == (1, True)
    assert not (tmp_path / "sauvegarde.tar").exists()


def test_a_drill_that_was_asked_for_goes_on(shell: Shell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.commands.following.time.sleep", interrupted)
    result = shell("backup", "drill")
    assert (result.exit_code, rows.DRILLING.says in result.stderr) == (1, True), result.stderr
    assert len(site.operations.web.requests_after(0)) == 1


def test_what_is_adopted_is_begun_again(shell: Shell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(site.folder.rglob("*.json"))
    monkeypatch.setattr("ospi_supervisor.administration.service.record_tree", interrupted)
    result = shell("adopt", "11.5.0")
    assert (result.exit_code, rows.ADOPTING.says in result.stderr) == (1, True), result.stderr
    assert "« ospi-supervisor adopt 11.5.0 » le recommence" in result.stderr
    assert sorted(site.folder.rglob("*.json")) == before


def test_a_rehearsal_says_what_is_left_of_it(shell: Shell, archives: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.administration.rehearsing.Rehearsing.run", interrupted)
    result = shell("rehearse", archives.good)
    assert (result.exit_code, rows.REHEARSING.says in result.stderr) == (1, True), result.stderr


def test_any_other_command_says_only_that_it_was_interrupted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospi_supervisor.commands.context.Invocation.status", interrupted)
    result = shell("status")
    assert (result.exit_code, result.stderr) == (1, "ospi-supervisor : interrompu avant la fin\n")


def test_what_is_held_hears_of_it_once() -> None:
    told: list[str] = []

    def answer() -> str:
        told.append("!")
        return "attendez"

    with interruption.held(answer) as one:
        interruption._come(2, None)
        interruption._come(15, None)
        assert one.came
    assert told == ["!"]
    with pytest.raises(StoppedByHandError, match="mots"), interruption.told_if_interrupted(lambda: "mots"):
        interruption._come(2, None)


@pytest.mark.parametrize("words", [(), ("backup",), ("backup", "restore"), ("follow",), ("auto",)])
def test_help_has_a_short_name(shell: Shell, words: tuple[str, ...]) -> None:
    result = shell(*words, "-h")
    assert (result.exit_code, result.stdout.startswith("Utilisation :")) == (0, True)


@pytest.mark.parametrize("command", [("backup", "restore", "x"), ("user", "remove", "infirmier")])
def test_what_destroys_asks_for_yes_without_a_terminal(shell: Shell, site: Site, command: tuple[str, ...]) -> None:
    result = shell(*command)
    assert (result.exit_code, "ajoutez --yes" in result.stderr or "pas de sauvegarde" in result.stderr) == (1, True)
    assert "infirmier" in shell("user", "list").stdout


def test_there_is_nothing_to_follow_yet(shell: Shell) -> None:
    result = shell("follow")
    assert (result.exit_code, "aucune mise à jour à suivre" in result.stderr) == (1, True)
