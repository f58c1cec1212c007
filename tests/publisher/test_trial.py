"""The room that hooks need is measured by a trial at the vendor's, and declared in the manifest."""

from pathlib import Path

from tests.publisher.test_cli import build, keys, payload
from tests.support import archives

__all__ = ["keys", "payload"]

STAGE = ("--writable", "venv", "--hook", "stage:10-venv:60:Environnement")


def built(keys: Path, payload: Path, script: str, *options: str) -> tuple[int, str, int]:
    """Exit code, output and the room declared of an archive whose hook is `script`."""
    hook = payload.parent / "hooks" / "10-venv"
    hook.write_text(f"#!/bin/sh\n{script}\n")
    output = payload.parent / "a.ospi"
    result = build(keys, payload, output, "--hooks", payload.parent / "hooks", *STAGE, *options)
    if result.exit_code:
        return result.exit_code, result.output, 0
    return 0, result.output, archives.header_of(output, keys).manifest.hooks_bytes


def test_a_trial_measures_what_hooks_write_and_leaves_nothing(keys: Path, payload: Path) -> None:
    script = 'head -c 3000000 /dev/urandom > venv/gros; test "$OSPI_REHEARSAL" = 1; test -d "$OSPI_DATA_DIRS"'
    code, output, declared = built(keys, payload, script, "--try-hooks")
    assert code == 0, output
    assert 3_000_000 < declared < 4_500_000
    assert "place annoncée pour les programmes : 3," in output
    assert not (payload / "venv").exists()
    assert not list(payload.parent.glob(".ospi-essai-*"))


def test_without_a_trial_it_is_what_the_vendor_says_or_nothing(keys: Path, payload: Path) -> None:
    assert built(keys, payload, "true")[2] == 0
    (payload.parent / "a.ospi").unlink()
    assert built(keys, payload, "true", "--hooks-bytes", "123456")[2] == 123_456


def test_a_hook_that_fails_in_its_trial_builds_nothing(keys: Path, payload: Path) -> None:
    code, output, _ = built(keys, payload, "echo pas de pip; exit 3", "--try-hooks")
    assert code == 1
    assert "10-venv échoue à l'essai (code 3) : pas de pip" in output
    assert not (payload.parent / "a.ospi").exists()
