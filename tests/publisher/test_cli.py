"""The vendor's commands, as a vendor types them."""

import json
import os
import shutil
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.manifest import encode_manifest
from ospi_supervisor.domain.manifest import Hook, HookPhase
from ospi_supervisor.publisher.cli import main
from tests.support import archives


def run(*arguments: str | Path) -> Result:
    """One `ospi-release` command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Keys made by the command."""
    result = run("init", tmp_path / "keys")
    assert result.exit_code == 0, result.output
    return tmp_path / "keys"


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A release's tree, a notice and hooks, side by side."""
    (tmp_path / "notice.pdf").write_bytes(archives.NOTICE)
    archives.make_tree(tmp_path / "hooks", {"10-venv": b"#!/bin/sh\n", "20-schema": b"#!/bin/sh\n"})
    for hook in (tmp_path / "hooks").iterdir():
        hook.chmod(0o755)
    return archives.make_tree(tmp_path / "payload")


def build(keys: Path, payload: Path, output: Path, *more: str | Path) -> Result:
    """Build 11.6.0 of `payload`."""
    notice = payload.parent / "notice.pdf"
    common = ("--keys", keys, "--product", "portail-bi", "--version", "11.6.0", "--payload", payload)
    return run("build", *common, "--notice", notice, "-o", output, *more)


def test_init_makes_private_keys_and_says_where_they_are(keys: Path, tmp_path: Path) -> None:
    private = sorted(path.name for path in (keys / "private").iterdir())

    assert private == [
        "root-1.pem",
        "root-2.pem",
        "snapshot-1.pem",
        "support.pem",
        "targets-1.pem",
        "targets-2.pem",
        "timestamp-1.pem",
    ]
    assert {stat.S_IMODE((keys / "private" / name).stat().st_mode) for name in private} == {0o600}
    assert str(keys / "private") in run("init", tmp_path / "other").output.replace("other", "keys")


def test_init_never_overwrites_keys(keys: Path) -> None:
    before = (keys / "private/root-1.pem").read_bytes()
    result = run("init", keys)

    assert result.exit_code == 1
    assert "déjà des clés" in result.output
    assert (keys / "private/root-1.pem").read_bytes() == before


def test_a_built_archive_is_described_and_verified(keys: Path, payload: Path, tmp_path: Path) -> None:
    output = tmp_path / "portail-11.6.0.ospi"
    hooks = ("--hooks", tmp_path / "hooks", "--hook", "stage:10-venv:1800:Environnement : préparation")
    built = build(
        keys,
        payload,
        output,
        *hooks,
        "--hook",
        "migrate:20-schema:7200:Schéma",
        "--writable",
        "var/venv",
        "--not-rehearsed",
        "20-schema:il envoie des courriels",
    )
    described = run("inspect", output, "--json")
    verified = run("verify", output, "--root", keys / "root.json")

    assert (built.exit_code, described.exit_code, verified.exit_code) == (0, 0, 0), built.output + verified.output
    manifest = json.loads(described.output)["manifest"]
    assert manifest["version"] == "11.6.0"
    assert manifest["hooks"][0] == {
        "phase": "stage",
        "name": "10-venv",
        "timeout": 1800,
        "title": "Environnement : préparation",
        "not_rehearsed": "",
    }
    assert manifest["hooks"][1]["not_rehearsed"] == "il envoie des courriels"
    assert manifest["entries"] == len(archives.TREE) + len(["app", "hooks", "10-venv", "20-schema", "var", "var/venv"])
    assert "entièrement prouvé" in verified.output
    assert "portail-bi" in run("inspect", output).output


def test_the_same_tree_gives_the_same_bytes(keys: Path, payload: Path, tmp_path: Path) -> None:
    """Neither the order of creation nor the times of files matter."""
    copy = tmp_path / "copy"
    for path in sorted(payload.rglob("*"), reverse=True):
        if path.is_file():
            target = copy / path.relative_to(payload)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            os.utime(target, (1, 1))
    date = ("--expires", "2030-01-01")

    first = build(keys, payload, tmp_path / "a.ospi", *date)
    second = build(keys, copy, tmp_path / "b.ospi", *date)

    assert (first.exit_code, second.exit_code) == (0, 0), second.output
    assert (tmp_path / "a.ospi").read_bytes() == (tmp_path / "b.ospi").read_bytes()


def test_other_keys_change_only_the_metadata(keys: Path, payload: Path, tmp_path: Path) -> None:
    run("init", tmp_path / "other")
    build(keys, payload, tmp_path / "a.ospi")
    build(tmp_path / "other", payload, tmp_path / "b.ospi")

    assert _contents(tmp_path / "a.ospi") == _contents(tmp_path / "b.ospi")


def _contents(path: Path) -> bytes:
    """All that stands after the metadata."""
    data = path.read_bytes()
    with tarfile.open(path) as tar:
        return data[tar.getmember(layout.MANIFEST).offset :]


@pytest.mark.parametrize("change", ["fifo", "setuid", "escaping link", "hooks folder", "hook for its owner alone"])
def test_what_a_hospital_would_refuse_is_refused_at_the_vendors(
    keys: Path, payload: Path, tmp_path: Path, change: str
) -> None:
    if change == "fifo":
        os.mkfifo(payload / "pipe")
    elif change == "setuid":
        (payload / "VERSION").chmod(0o4755)
    elif change == "escaping link":
        (payload / "out").symlink_to("../../etc")
    elif change == "hooks folder":
        (payload / "hooks").mkdir()
    else:
        (tmp_path / "hooks/10-venv").chmod(0o700)

    hooks = ("--hooks", tmp_path / "hooks", "--hook", "stage:10-venv:1800:Titre")
    result = build(keys, payload, tmp_path / "bad.ospi", *hooks)

    assert result.exit_code == 1, result.output
    assert result.output.startswith("ospi-release : ")
    assert [path.name for path in tmp_path.iterdir() if "bad" in path.name] == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("--hook", "stage:10-venv:soon:Titre"), ("--hook", "nope:x:1:y"), ("--expires", "demain")],
)
def test_wrong_usage_exits_2(keys: Path, payload: Path, tmp_path: Path, option: str, value: str) -> None:
    assert build(keys, payload, tmp_path / "x.ospi", option, value).exit_code == 2


@pytest.mark.parametrize(
    ("option", "value"), [("--version", "pas une version"), ("--requires", "dix"), ("--product", "../x")]
)
def test_a_bad_name_is_refused(keys: Path, payload: Path, tmp_path: Path, option: str, value: str) -> None:
    result = build(keys, payload, tmp_path / "x.ospi", option, value)

    assert result.exit_code == 1, result.output


def test_verify_refuses_what_is_not_wholly_proven(keys: Path, payload: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.ospi"
    build(keys, payload, good)
    bad = archives.tampered(good, tmp_path / "bad.ospi", member="notice.pdf")
    run("init", tmp_path / "other")

    assert "notice.pdf" in run("verify", bad, "--root", keys / "root.json").output
    foreign = run("verify", good, "--root", tmp_path / "other/root.json")
    assert foreign.exit_code == 1
    assert "autre clé" in foreign.output
    assert run("inspect", keys / "root.json").exit_code == 1


def test_a_lost_key_is_told(keys: Path, payload: Path, tmp_path: Path) -> None:
    (keys / "private/targets-2.pem").unlink()

    result = build(keys, payload, tmp_path / "x.ospi")

    assert "porte 1 signature, il en faut 2" in result.output
    (keys / "private/targets-1.pem").unlink()
    result = build(keys, payload, tmp_path / "y.ospi")
    assert result.exit_code == 1
    assert "il en faut 2" in result.output
    assert not (tmp_path / "y.ospi").exists()


def test_the_bill_of_materials_and_what_is_mended_are_signed(keys: Path, payload: Path, tmp_path: Path) -> None:
    sbom = tmp_path / "nomenclature.json"
    sbom.write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}')
    output = tmp_path / "x.ospi"
    words = ("--severity", "high", "--fixes", "CVE-2026-1234", "--support-until", "2028-12-31", "--sbom", sbom)
    assert build(keys, payload, output, *words).exit_code == 0
    summary = json.loads(run("inspect", output, "--json").output)["summary"]
    assert (summary["severity"], summary["fixes"]) == ("high", ["CVE-2026-1234"])
    assert (summary["support_until"], summary["has_sbom"]) == ("2028-12-31", True)
    with tarfile.open(output) as tar:
        member = tar.extractfile(layout.SBOM)
        assert member is not None
        assert member.read() == sbom.read_bytes()

    bad = archives.tampered(output, tmp_path / "bad.ospi", member=layout.SBOM)
    refused = run("verify", bad, "--root", keys / "root.json")
    assert refused.exit_code == 1
    assert layout.SBOM in refused.output


@pytest.mark.parametrize("way", ["option", "environment"])
def test_another_day_gives_the_same_bytes(
    keys: Path, payload: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dates: tuple[str, ...] = ("--date", "2026-01-05")
    if way == "environment":
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767571200")
        dates = ()
    for name in ("a", "b"):
        assert build(keys, payload, tmp_path / f"{name}.ospi", *dates).exit_code == 0
    assert (tmp_path / "a.ospi").read_bytes() == (tmp_path / "b.ospi").read_bytes()
    with tarfile.open(tmp_path / "a.ospi") as tar:
        release = tar.extractfile(layout.RELEASE)
        assert release is not None
        assert json.loads(release.read())["signed"]["expires"] == "2027-01-05T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"requires": ">=12,<11"}, "personne"),
        ({"hooks": (Hook(phase=HookPhase.STAGE, name="absent", timeout=60, title="t"),)}, "absent de la version"),
        ({"writable": ("VERSION",)}, "inscriptible"),
        ({"os": ("Rocky Linux",)}, "os-release"),
    ],
)
def test_verify_refuses_what_an_installer_would(
    keys: Path, payload: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    """Made by a publisher that does not look: what is signed is proven, and of no use all the same."""
    good = tmp_path / "good.ospi"
    assert build(keys, payload, good).exit_code == 0
    manifest = replace(archives.header_of(good, keys).manifest, **change)
    bad = archives.with_member(good, tmp_path / "bad.ospi", keys, layout.MANIFEST, encode_manifest(manifest))
    refused = run("verify", bad, "--root", keys / "root.json")
    assert refused.exit_code == 1
    assert words in refused.output


def test_a_release_is_held_with_its_reason_and_the_hold_is_lifted(keys: Path, payload: Path, tmp_path: Path) -> None:
    where = ("--repository", tmp_path / "repository")
    of_release = ("11.6.0", "--product", "portail-bi", *where, "--keys", keys)
    build(keys, payload, tmp_path / "x.ospi")
    assert run("publish", tmp_path / "x.ospi", *where, "--keys", keys).exit_code == 0

    held = run("hold", *of_release, "--reason", "défaut trouvé")
    assert (held.exit_code, held.output) == (0, "portail-bi-11.6.0.ospi suspendu\n")
    assert "suspendu : défaut trouvé" in run("list", *where).output
    for wrong in ((), ("--reason", "défaut", "--lift")):
        refused = run("hold", *of_release, *wrong)
        assert refused.exit_code == 2
        assert "« --lift » pour lever" in refused.output
    assert "suspendu : défaut trouvé" in run("list", *where).output

    lifted = run("hold", *of_release, "--lift")
    assert (lifted.exit_code, lifted.output) == (0, "portail-bi-11.6.0.ospi de nouveau proposé\n")
    assert "suspendu" not in run("list", *where).output
    unknown = run("hold", "11.7.0", *of_release[1:], "--reason", "défaut")
    assert unknown.exit_code == 1
    assert "n'est pas dans ce dépôt" in unknown.output
