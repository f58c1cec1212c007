"""The vendor's commands, as a vendor types them."""

import json
import os
import shutil
import stat
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ospi_supervisor.archive import layout
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
    built = build(keys, payload, output, *hooks, "--hook", "migrate:20-schema:7200:Schéma", "--writable", "var/venv")
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
    }
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

    assert result.exit_code == 1
    assert "il en faut 2" in result.output
