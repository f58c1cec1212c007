"""A delta takes exactly one release to exactly another, and says what to fetch instead where it cannot."""

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from ospi_supervisor.archive.entries import Entry
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord, drifted
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind, Manifest
from ospi_supervisor.errors import ArchiveError, RefusedError
from ospi_supervisor.publisher.cli import main
from ospi_supervisor.publisher.delta import build_delta
from tests.support import archives

NOISE = random.Random(7).randbytes(9_000_000)
OLD_TREE = {
    "VERSION": b"11.5.0\n",
    "app/main.py": b"print('bonjour')\n" * 500,
    "app/moved.bin": NOISE[:200_000],
    "app/same.bin": NOISE[200_000:300_000],
    "app/twice.bin": NOISE[300_000:400_000],
    "app/vide": b"",
    "lib/tool-1.2/data.bin": NOISE[400_000:500_000],
    "static/main.3f9a1c7e.js": NOISE[500_000:600_000],
    "static/large.bin": NOISE,
    "gone/old.txt": b"parti",
}
NEW_TREE = {
    "VERSION": b"11.6.0\n",
    "app/main.py": b"print('bonjour')\n" * 400 + b"print('bonsoir')\n" * 100,
    "elsewhere/moved.bin": NOISE[:200_000],
    "app/same.bin": NOISE[200_000:300_000],
    "app/twice.bin": NOISE[300_000:350_000] + b"change" + NOISE[350_000:400_000],
    "app/twice.copy": NOISE[300_000:350_000] + b"change" + NOISE[350_000:400_000],
    "app/vide": b"",
    "app/new.txt": b"nouveau\n" * 1000,
    "lib/tool-1.3/data.bin": NOISE[400_000:500_000] + b"1.3",
    "static/main.77d0be12.js": NOISE[500_000:550_000] + b"neuf" + NOISE[550_000:600_000],
    "static/large.bin": NOISE[:5_000_000] + b"milieu" + NOISE[5_000_100:],
    "static/wholly-new.bin": NOISE[::-1][:5_000_000],
}


class Vendor:
    """Builds releases and the deltas between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = archives.make_keys(folder)
        self.trust = Trust((self.keys / "root.json").read_bytes())

    def full(self, version: str, tree: Path, **options: tuple[str, ...]) -> Path:
        """The full archive of `tree`."""
        output = self.folder / f"{version}.ospi"
        return archives.build_archive(output, self.keys, tree, version=version, requires="", **options)  # type: ignore[arg-type]

    def delta(self, old: Path, new: Path, name: str = "delta.ospi") -> Path:
        """The delta between two full archives."""
        output = self.folder / name
        build_delta(old, new, self.keys, archives.NOW, archives.NOW.replace(year=2027), output)
        return output

    def install(
        self,
        archive: Path,
        destination: Path,
        installed: InstalledTree | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> InstalledTree:
        """The release of `archive`, staged in `destination`."""
        with Archive.open(archive, self.trust, archives.NOW) as opened:
            record = stage(opened, destination, installed, progress=lambda _: None, check=check, hard_links=True)
        return InstalledTree(destination, record)

    def entries(self, delta: Path, base: TreeRecord) -> dict[bytes, Entry]:
        """What a delta says of each path."""
        with Archive.open(delta, self.trust, archives.NOW) as opened:
            return {entry.path: entry for entry in opened.entries(base)}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """A vendor with two releases and the delta between them."""
    vendor = Vendor(tmp_path_factory.mktemp("vendor"))
    old = vendor.full("11.5.0", archives.make_tree(vendor.folder / "old", OLD_TREE))
    new = vendor.full("11.6.0", archives.make_tree(vendor.folder / "new", NEW_TREE))
    vendor.delta(old, new)
    return vendor


@pytest.fixture
def installed(vendor: Vendor, tmp_path: Path) -> InstalledTree:
    """The old release, installed."""
    return vendor.install(vendor.folder / "11.5.0.ospi", tmp_path / "installed")


def test_a_delta_leads_to_the_very_tree_of_the_full_archive(
    vendor: Vendor, installed: InstalledTree, tmp_path: Path
) -> None:
    staged = vendor.install(vendor.folder / "delta.ospi", tmp_path / "staged", installed)

    assert archives.tree_facts(staged.root) == archives.tree_facts(vendor.folder / "new")
    assert archives.tree_facts(installed.root) == archives.tree_facts(vendor.folder / "old")
    assert drifted(installed) == drifted(staged) == []


def test_each_file_takes_the_shortest_way(vendor: Vendor, installed: InstalledTree) -> None:
    found = vendor.entries(vendor.folder / "delta.ospi", installed.record)

    assert {path for path, entry in found.items() if entry.base is not None} == {
        b"app/main.py",
        b"app/twice.bin",
        b"app/twice.copy",
        b"lib/tool-1.3/data.bin",
        b"static/main.77d0be12.js",
        b"static/large.bin",
    }
    assert {path for path, entry in found.items() if entry.pack is not None and entry.base is None} == {
        b"VERSION",
        b"app/new.txt",
        b"static/wholly-new.bin",
    }
    assert found[b"app/twice.bin"].offset == found[b"app/twice.copy"].offset
    assert (vendor.folder / "delta.ospi").stat().st_size < 5_000_000 + 60_000  # what is wholly new, and little else


def test_a_delta_applies_to_what_a_delta_made(vendor: Vendor, installed: InstalledTree, tmp_path: Path) -> None:
    third_tree = {**NEW_TREE, "VERSION": b"11.7.0\n", "app/main.py": b"print('bonne nuit')\n" * 500}
    third = vendor.full("11.7.0", archives.make_tree(tmp_path / "third", third_tree))
    second_delta = vendor.delta(vendor.folder / "11.6.0.ospi", third, "second.ospi")

    second = vendor.install(vendor.folder / "delta.ospi", tmp_path / "second", installed)
    last = vendor.install(second_delta, tmp_path / "last", second)

    assert archives.tree_facts(last.root) == archives.tree_facts(tmp_path / "third")


def test_the_same_archives_give_the_same_delta(vendor: Vendor) -> None:
    again = vendor.delta(vendor.folder / "11.5.0.ospi", vendor.folder / "11.6.0.ospi", "again.ospi")

    assert again.read_bytes() == (vendor.folder / "delta.ospi").read_bytes()


def _altered(root: Path) -> None:
    (root / "app/main.py").write_bytes(b"print('bricolage')\n" * 500)


def _missing(root: Path) -> None:
    (root / "app/same.bin").unlink()


def _replaced_by_a_folder(root: Path) -> None:
    (root / "app/same.bin").unlink()
    (root / "app/same.bin").mkdir()


@pytest.mark.parametrize("harm", [_altered, _missing, _replaced_by_a_folder])
def test_a_harmed_release_is_told_to_fetch_the_full_archive_before_anything_is_written(
    vendor: Vendor, installed: InstalledTree, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(installed.root)

    with pytest.raises(ArchiveError, match="utilisez l'archive complète") as refusal:
        vendor.install(vendor.folder / "delta.ospi", tmp_path / "staged", installed)

    assert refusal.value.code == "wrong_base"
    assert not (tmp_path / "staged").exists()


@pytest.mark.parametrize("recorded", [True, False])
def test_another_release_is_told_to_fetch_the_full_archive(vendor: Vendor, tmp_path: Path, recorded: bool) -> None:
    tree = archives.make_tree(tmp_path / "tree", {**OLD_TREE, "de trop": b"x"})
    other = vendor.install(vendor.full("11.4.0", tree), tmp_path / "other") if recorded else None

    with pytest.raises(ArchiveError, match=r"11\.5\.0.*utilisez l'archive complète") as refusal:
        vendor.install(vendor.folder / "delta.ospi", tmp_path / "staged", other)

    assert refusal.value.code == "wrong_base"
    assert not (tmp_path / "staged").exists()


def test_a_file_whose_times_only_changed_is_still_a_base(
    vendor: Vendor, installed: InstalledTree, tmp_path: Path
) -> None:
    os.utime(installed.root / "app/main.py", (1, 1))

    staged = vendor.install(vendor.folder / "delta.ospi", tmp_path / "staged", installed)

    assert archives.tree_facts(staged.root) == archives.tree_facts(vendor.folder / "new")


def test_what_hooks_may_have_altered_is_no_base(vendor: Vendor, tmp_path: Path) -> None:
    old_tree = archives.make_tree(tmp_path / "a", {"VERSION": b"11.7.0\n", "var/cache": NOISE[:100_000]})
    new_tree = archives.make_tree(tmp_path / "b", {"VERSION": b"11.8.0\n", "var/cache": NOISE[:100_000]})
    old = vendor.full("11.7.0", old_tree, writable=("var",))
    new = vendor.full("11.8.0", new_tree, writable=("var",))
    delta = vendor.delta(old, new, "writable.ospi")
    before = vendor.install(old, tmp_path / "before")
    (before.root / "var/cache").write_bytes(b"a hook was here")

    after = vendor.install(delta, tmp_path / "after", before)

    assert archives.tree_facts(after.root) == archives.tree_facts(new_tree)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("11.6.0.ospi", "11.5.0.ospi", "ne remplace pas"),
        ("11.5.0.ospi", "11.5.0.ospi", "ne remplace pas"),
        ("11.5.0.ospi", "delta.ospi", "n'est pas complète"),
    ],
)
def test_a_pair_that_makes_no_delta_is_refused(vendor: Vendor, tmp_path: Path, old: str, new: str, words: str) -> None:
    output = tmp_path / "x.ospi"

    with pytest.raises(RefusedError, match=words):
        build_delta(vendor.folder / old, vendor.folder / new, vendor.keys, archives.NOW, archives.NOW, output)

    assert list(tmp_path.iterdir()) == []


def run(*arguments: str | Path) -> Result:
    """One `ospi-release` command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_builds_what_verify_and_inspect_understand(vendor: Vendor, tmp_path: Path) -> None:
    old, new, output = vendor.folder / "11.5.0.ospi", vendor.folder / "11.6.0.ospi", tmp_path / "d.ospi"
    root = ("--root", vendor.keys / "root.json")

    built = run("delta", "--keys", vendor.keys, old, new, "-o", output)
    proven = run("verify", output, *root, "--base", old)
    alone = run("verify", output, *root)
    wrong = run("verify", output, *root, "--base", new)

    assert (built.exit_code, proven.exit_code, alone.exit_code, wrong.exit_code) == (0, 0, 0, 1), built.output
    assert "11.5.0 → 11.6.0" in built.output
    assert "entièrement prouvé" in proven.output
    assert "--base" in alone.output
    assert "entièrement prouvé" not in alone.output
    assert "donnez l'archive complète de la version de base" in wrong.output
    assert "base : 11.5.0" in run("inspect", output).output
    assert [path.name for path in tmp_path.iterdir()] == ["d.ospi"]


NAMES = st.sampled_from(["a", "b.py", "lib/x-1.0/m", "lib/x-1.1/m", "js/main.0a1b2c3d.js", "js/main.9f8e7d6c.js", "é"])
PIECES = st.lists(st.sampled_from([NOISE[i * 5000 : (i + 1) * 5000] for i in range(6)] + [b"", b"x", b"y" * 70]))
TREES = st.dictionaries(NAMES, PIECES.map(b"".join), min_size=1)


@settings(max_examples=12, deadline=None)
@given(old=TREES, new=TREES)
def test_any_tree_leads_to_any_other(vendor: Vendor, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = vendor.full("1.0", archives.make_tree(folder / "old", old))
        second = vendor.full("2.0", archives.make_tree(folder / "new", new))
        delta = vendor.delta(first, second, "any.ospi")
        installed = vendor.install(first, folder / "installed")

        staged = vendor.install(delta, folder / "staged", installed)

        assert archives.tree_facts(staged.root) == archives.tree_facts(folder / "new")


def test_the_manifest_is_that_of_the_new_release(vendor: Vendor) -> None:
    def manifest(name: str) -> Manifest:
        with Archive.open(vendor.folder / name, vendor.trust, archives.NOW) as opened:
            return opened.manifest

    delta, full = manifest("delta.ospi"), manifest("11.6.0.ospi")

    assert (delta.kind, delta.base) == (ArchiveKind.DELTA, "11.5.0")
    assert (delta.version, delta.requires, delta.entries, delta.unpacked_bytes) == (
        full.version,
        full.requires,
        full.entries,
        full.unpacked_bytes,
    )
