"""What no hospital could use is refused by `build` before anything is compressed, in the vendor's words."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ospi_supervisor.publisher.cli import main
from tests.support import archives

HOOK = ("--hook", "stage:10-venv:60:Préparation")


@dataclass
class Input:
    """What a build is given: a good release, which each case spoils."""

    folder: Path
    options: list[str] = field(default_factory=list)
    version: str = "11.6.0"

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def hook(self) -> Path:
        return self.folder / "hooks/10-venv"

    def build(self) -> Result:
        words = ["build", "--keys", self.folder / "keys", "--product", "portail-bi", "--version", self.version]
        words += ["--payload", self.tree, "--notice", self.folder / "notice.pdf"]
        words += ["--hooks", self.folder / "hooks", *HOOK]
        words += ["-o", self.folder / "x.ospi", *self.options]
        return CliRunner().invoke(main, [str(word) for word in words])


def hook(data: bytes, mode: int = 0o755) -> Callable[[Input], None]:
    def spoil(given: Input) -> None:
        given.hook.write_bytes(data)
        given.hook.chmod(mode)

    return spoil


def option(*words: str) -> Callable[[Input], None]:
    return lambda given: given.options.extend(words)


def notice(data: bytes) -> Callable[[Input], None]:
    def spoil(given: Input) -> None:
        (given.folder / "notice.pdf").write_bytes(data)

    return spoil


def link(target: str) -> Callable[[Input], None]:
    return lambda given: (given.tree / "lien").symlink_to(target)


def sbom(data: bytes) -> Callable[[Input], None]:
    def spoil(given: Input) -> None:
        (given.folder / "sbom.json").write_bytes(data)
        given.options += ["--sbom", str(given.folder / "sbom.json")]

    return spoil


def version(text: str, *options: str) -> Callable[[Input], None]:
    def spoil(given: Input) -> None:
        given.version = text
        given.options += options

    return spoil


def capability(given: Input) -> None:
    # The kernel's own form, revision 2: CAP_NET_BIND_SERVICE, permitted and effective.
    words = (0x02000001, 1 << 10, 0, 0, 0)
    os.setxattr(given.tree / "VERSION", "security.capability", b"".join(word.to_bytes(4, "little") for word in words))


def sparse(given: Input) -> None:
    with (given.tree / "image.raw").open("wb") as file:
        file.truncate(60 * 1024**3)


def replaced(given: Input, make: Callable[[Path], object]) -> None:
    (given.tree / "VERSION").unlink()
    make(given.tree / "VERSION")


def empty(given: Input) -> None:
    shutil.rmtree(given.tree)
    given.tree.mkdir()
    given.hook.unlink()


UNUSABLE: dict[str, tuple[Callable[[Input], object], str]] = {
    "a hook with Windows' ends of line": (hook(b"#!/bin/sh\r\necho\r\n"), "CRLF"),
    "a hook whose body alone has them": (hook(b"#!/bin/sh\necho a\r\necho b\r\n"), "CRLF"),
    "a hook without an interpreter": (hook(b"import os\n"), "ligne d'interpréteur"),
    "a hook with a byte order mark": (hook(b"\xef\xbb\xbf#!/bin/sh\n"), "ligne d'interpréteur"),
    "a hook whose interpreter is relative": (hook(b"#!python3\n"), "ligne d'interpréteur"),
    "an empty hook": (hook(b""), "ligne d'interpréteur"),
    "a hook whose interpreter's line is cut": (hook(b"#!/" + b"x" * 300 + b"\n"), "trop longue"),
    "a hook that nobody may execute": (hook(b"#!/bin/sh\n", 0o644), "exécutable par tous"),
    "a hook that is not there": (option("--hook", "migrate:20-schema:60:Schéma"), "absent de la version"),
    "a hook named twice": (option("--hook", "migrate:10-venv:60:Schéma"), "deux fois"),
    "a hook for more than a week": (option("--hook", "migrate:10-venv:9999999:Schéma"), "délai"),
    "capabilities": (capability, "setcap -r"),
    "a file that its account cannot read": (lambda given: (given.tree / "VERSION").chmod(0o600), "lisible par tous"),
    "a folder that its account cannot enter": (lambda given: (given.tree / "app").chmod(0o744), "lisible par tous"),
    "set-uid": (lambda given: (given.tree / "VERSION").chmod(0o4755), "set-uid"),
    "a pipe": (lambda given: replaced(given, os.mkfifo), "ni un fichier"),
    "no notice": (notice(b""), "PDF entier"),
    "a notice that is cut": (notice(archives.NOTICE[:-7]), "PDF entier"),
    "a notice of another kind": (notice(b"PK\x03\x04 notice.docx %%EOF"), "PDF entier"),
    "a link that leaves": (link("../../etc/passwd"), "élément interdit"),
    "an absolute link": (link("/etc/passwd"), "élément interdit"),
    "a version that is older than what it asks for": (version("11.6.0", "--requires", ">=11.6.0"), "personne"),
    "a condition that nothing meets": (version("11.6.0", "--requires", ">=12,<11"), "personne"),
    "no version": (version("la dernière"), "pas un numéro de version"),
    "no condition": (option("--requires", "au moins dix"), "condition de version"),
    "a product that is no file's name": (option("--product", "portail/bi"), "nom impropre"),
    "a system with its minor version": (option("--os", "rocky-9.4"), "os-release"),
    "a system by its name": (option("--os", "Rocky Linux"), "os-release"),
    "a writable folder that is a file": (option("--writable", "VERSION"), "inscriptible"),
    "a writable folder outside": (option("--writable", "../data"), "chemin interdit"),
    "more than the metadata can list": (sparse, "au plus peuvent être installés"),
    "an empty tree": (empty, "aucun fichier"),
    "an archive inside its own tree": (lambda given: option("-o", str(given.tree / "x.ospi"))(given), "ailleurs"),
    "a vulnerability that is none": (option("--fixes", "faille"), "CVE-2026-1234"),
    "a bill of materials that is none": (sbom(b"{}"), "CycloneDX"),
    "a bill of materials of another kind": (sbom(b'{"bomFormat": "SPDX", "specVersion": "2"}'), "CycloneDX"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archives.make_keys(tmp_path_factory.mktemp("vendor"))


@pytest.fixture
def given(tmp_path: Path, keys: Path) -> Iterator[Input]:
    archives.make_tree(tmp_path / "tree")
    archives.make_tree(tmp_path / "hooks", {"10-venv": b"#!/bin/sh\n"})
    (tmp_path / "hooks/10-venv").chmod(0o755)
    (tmp_path / "notice.pdf").write_bytes(archives.NOTICE)
    (tmp_path / "keys").symlink_to(keys)
    yield Input(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_the_release_that_the_cases_spoil_is_good(given: Input) -> None:
    result = given.build()
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_no_hospital_could_use_is_refused(case: str, given: Input) -> None:
    spoil, words = UNUSABLE[case]
    spoil(given)
    result = given.build()
    assert result.exit_code == 1, result.output
    assert words in result.output
    assert "Espace utilisateur" not in result.output  # the vendor is spoken to, not the hospital
    assert "prévenez le support" not in result.output
    assert result.output.count("\n") == 1
    assert not (given.folder / "x.ospi").exists()


@pytest.mark.full
def test_a_tree_of_three_gigabytes_is_refused_within_a_second(given: Input) -> None:
    """72,000 files, the last of which is unusable: nothing was read of the others."""
    for number in range(72):
        folder = given.tree / f"d{number}"
        folder.mkdir()
        for name in range(1000):
            with (folder / f"f{name}").open("wb") as file:
                file.truncate(42_000)
    (given.tree / "zz").symlink_to("/etc")
    before = time.process_time()
    result = given.build()
    assert result.exit_code == 1
    assert "élément interdit" in result.output
    assert time.process_time() - before < 3  # a second on a quiet machine; reading them takes more than four
