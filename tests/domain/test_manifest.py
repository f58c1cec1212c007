"""What a signed manifest may ask for."""

from typing import Any

import pytest

from ospi_supervisor.domain.manifest import (
    FORMAT,
    ArchiveKind,
    Hook,
    HookPhase,
    Manifest,
    check_manifest,
    is_normal_relative,
)
from ospi_supervisor.errors import ArchiveError


def hook(name: str, phase: HookPhase = HookPhase.MIGRATE, timeout: int = 60) -> Hook:
    return Hook(phase=phase, name=name, timeout=timeout, title="Essai")


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("venv", True),
        ("a/b c/é", True),
        ("..x/y", True),
        ("", False),
        (".", False),
        ("/etc", False),
        ("a/../b", False),
        ("../b", False),
        ("a//b", False),
        ("./a", False),
        ("a/", False),
    ],
)
def test_normal_relative_paths(path: str, normal: bool) -> None:
    assert is_normal_relative(path) is normal


def test_hooks_of_a_phase_run_in_the_order_of_their_names() -> None:
    hooks = (hook("20-b"), hook("10-venv", HookPhase.STAGE), hook("10-a"))
    manifest = Manifest(product="p", version="1", hooks=hooks)
    assert [item.name for item in manifest.hooks_of(HookPhase.MIGRATE)] == ["10-a", "20-b"]
    assert [item.name for item in manifest.hooks_of(HookPhase.STAGE)] == ["10-venv"]


def test_a_sound_manifest_is_accepted() -> None:
    check_manifest(Manifest(product="p", version="1", writable=("venv",), hooks=(hook("10-a"),)))
    check_manifest(Manifest(product="p", version="2", kind=ArchiveKind.DELTA, base="1", base_listing="0" * 64))


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (Manifest(product="p", version="1", format=FORMAT + 1), "unsupported"),
        (Manifest(product="p", version="1", writable=("../data",)), "unsafe"),
        (Manifest(product="p", version="1", hooks=(hook("../../bin/sh"),)), "unsafe"),
        (Manifest(product="p", version="1", hooks=(hook("a/b"),)), "unsafe"),
        (Manifest(product="p", version="1", hooks=(hook("a\0b"),)), "unsafe"),
        *((Manifest(product="p", version="1", hooks=(hook("a", timeout=time),)), "unsafe") for time in (0, -5, 10**40)),
        (Manifest(product="p", version="1", kind=ArchiveKind.DELTA), "tampered"),
        (Manifest(product="p", version="1", base="0"), "tampered"),
    ],
)
def test_what_is_never_done_is_refused(manifest: Manifest, code: str) -> None:
    with pytest.raises(ArchiveError) as refusal:
        check_manifest(manifest)
    assert refusal.value.code == code


AT_MOST = {
    "entries": 400_000,
    "unpacked_bytes": 9_007_199_254_740_991,
    "hooks": 604_800,
    "requires": 1000,
}
"""As they are documented; a JSON reader of another language reads no greater number exactly."""


def announcing(name: str, most: int) -> Manifest:
    values: dict[str, Any] = {"product": "p", "version": "1", name: most}
    if name == "hooks":
        values[name] = (hook("10-a", timeout=most),)
    elif name == "requires":
        values[name] = ">=1".ljust(most)
    return Manifest(**values)


@pytest.mark.parametrize(("name", "most"), AT_MOST.items())
def test_a_bound_is_kept_to_the_last_unit(name: str, most: int) -> None:
    check_manifest(announcing(name, most))
    with pytest.raises(ArchiveError):
        check_manifest(announcing(name, most + 1))
    if name in ("entries", "unpacked_bytes"):
        check_manifest(announcing(name, 0))
        with pytest.raises(ArchiveError):
            check_manifest(announcing(name, -1))
