"""A release is staged exactly, from what is there already where possible, and restarts cleanly."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from msgspec.structs import replace

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import Entry, encode_entry
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord, drifted
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError, CancelledError
from ospi_supervisor.publisher.delta import build_delta
from tests.support import archives
from tests.support.tmpfs import small_disk

LONG = bytes(range(256)) * 40_000  # ten packs


@pytest.fixture(scope="session")
def odd_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with everything a release may hold."""
    tree = archives.make_tree(
        tmp_path_factory.mktemp("odd") / "tree",
        {**archives.TREE, "data/long.bin": LONG, "data/same.bin": LONG, "copy.py": archives.TREE["app/main.py"]},
    )
    (tree / "empty").mkdir()
    (tree / "app/main.py").chmod(0o745)
    (tree / "data").chmod(0o555)
    (tree / "app/link").symlink_to("../data/long.bin")
    strange = os.fsencode(tree) + b"/caf\xe9 %41\nline"
    Path(os.fsdecode(strange)).write_bytes(b"strange")
    return tree


@pytest.fixture(scope="session")
def odd(odd_tree: Path, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its archive."""
    return archives.build_archive(tmp_path_factory.mktemp("archive") / "odd.ospi", vendor, odd_tree)


Staged = Callable[..., TreeRecord]


def test_the_staged_tree_is_the_vendors_tree(odd: Path, odd_tree: Path, tmp_path: Path, staged: Staged) -> None:
    percents: list[float] = []
    record = staged(odd, tmp_path / "new", progress=percents.append)

    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(odd_tree)
    assert set(record.items) == set(archives.tree_facts(odd_tree))
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert drifted(InstalledTree(tmp_path / "new", record)) == []


@pytest.mark.parametrize("hard_links", [True, False])
def test_what_the_installed_release_has_is_kept_at_any_path(
    odd: Path, odd_tree: Path, vendor: Path, tmp_path: Path, staged: Staged, hard_links: bool
) -> None:
    moved = archives.make_tree(tmp_path / "old-tree", {"elsewhere/long.bin": LONG, "VERSION": b"11.5.0\n"})
    old = archives.build_archive(tmp_path / "old.ospi", vendor, moved, version="11.5.0")
    installed = InstalledTree(tmp_path / "old", staged(old, tmp_path / "old"))

    record = staged(odd, tmp_path / "new", installed, hard_links=hard_links)

    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(odd_tree)
    linked = (tmp_path / "old/elsewhere/long.bin").stat().st_nlink == 3
    assert linked is hard_links
    assert drifted(installed) == []
    assert drifted(InstalledTree(tmp_path / "new", record)) == []


def test_a_file_that_others_may_write_is_never_linked(tmp_path: Path, vendor: Path, staged: Staged) -> None:
    tree = archives.make_tree(tmp_path / "tree", {"open": b"shared", "closed": b"private"})
    (tree / "open").chmod(0o664)
    archive = archives.build_archive(tmp_path / "a.ospi", vendor, tree)
    installed = InstalledTree(tmp_path / "old", staged(archive, tmp_path / "old"))

    staged(archive, tmp_path / "new", installed)

    assert (tmp_path / "new/open").stat().st_nlink == 1
    assert (tmp_path / "new/closed").stat().st_nlink == 2


def test_an_installed_file_that_was_altered_comes_from_the_pack(
    odd: Path, odd_tree: Path, tmp_path: Path, staged: Staged
) -> None:
    installed = InstalledTree(tmp_path / "old", staged(odd, tmp_path / "old"))
    (tmp_path / "old/VERSION").write_bytes(b"altered")
    (tmp_path / "old/copy.py").unlink()
    (tmp_path / "old/app/main.py").unlink()
    (tmp_path / "old/app/main.py").symlink_to("/etc/passwd")

    staged(odd, tmp_path / "new", installed)

    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(odd_tree)


def test_an_installed_file_whose_times_changed_is_hashed_and_kept(odd: Path, tmp_path: Path, staged: Staged) -> None:
    installed = InstalledTree(tmp_path / "old", staged(odd, tmp_path / "old"))
    os.utime(tmp_path / "old/VERSION", (1, 1))

    staged(odd, tmp_path / "new", installed)

    assert (tmp_path / "new/VERSION").samefile(tmp_path / "old/VERSION")


def test_a_file_where_programs_may_write_is_taken_only_for_want_of_another(
    vendor: Path, tmp_path: Path, staged: Staged
) -> None:
    settings = b"port = 8080\n" * 200
    files = {"VERSION": b"11.5.0\n", "app/default.conf": settings, "var/local.conf": settings, "var/own": LONG[:9999]}
    old_tree = archives.make_tree(tmp_path / "old-tree", files)
    new_tree = archives.make_tree(tmp_path / "new-tree", {**files, "VERSION": b"11.6.0\n"})
    new_tree.joinpath("app/other.conf").write_bytes(settings + b"port = 8081\n")
    old, new = (
        archives.build_archive(tmp_path / f"{version}.ospi", vendor, tree, version=version, writable=("var",))
        for tree, version in ((old_tree, "11.5.0"), (new_tree, "11.6.0"))
    )
    build_delta(old, new, vendor, archives.NOW, archives.NOW.replace(year=2027), tmp_path / "delta.ospi")
    staged(old, tmp_path / "old").save(tmp_path / "record")
    (tmp_path / "old/var/local.conf").write_bytes(b"port = 9090\n")
    installed = InstalledTree(tmp_path / "old", TreeRecord.load(tmp_path / "record"))

    staged(tmp_path / "delta.ospi", tmp_path / "new", installed)
    staged(new, tmp_path / "whole", installed)

    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(new_tree)
    assert (tmp_path / "whole/var/own").samefile(tmp_path / "old/var/own")


def test_a_pack_that_is_not_needed_is_proven_all_the_same(good: Path, tmp_path: Path, staged: Staged) -> None:
    installed = InstalledTree(tmp_path / "old", staged(good, tmp_path / "old"))
    bad = archives.tampered(good, tmp_path / "bad.ospi")

    with pytest.raises(ArchiveError, match=r"packs/0000\.zst"):
        staged(bad, tmp_path / "new", installed)


def test_a_leftover_of_an_earlier_attempt_is_replaced(
    odd: Path, odd_tree: Path, tmp_path: Path, staged: Staged
) -> None:
    archives.make_tree(tmp_path / "new", {"data/leftover": b"x", "VERSION": b"half"})

    staged(odd, tmp_path / "new")

    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(odd_tree)


def test_a_cancellation_stops_the_work_and_its_processes(odd: Path, tmp_path: Path, staged: Staged) -> None:
    def cancel() -> None:
        raise CancelledError("annulée")

    with pytest.raises(CancelledError):
        staged(odd, tmp_path / "new", check=cancel)

    assert unpackers_below(os.getpid()) == []


def test_unpackers_die_with_the_process_that_they_serve(odd: Path, vendor: Path, tmp_path: Path) -> None:
    """SIGKILL leaves nobody writing in the folder that the next attempt removes."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom ospi_supervisor.archive.unpackers import unpackers\n"
        "import os\nfolder = os.open(sys.argv[1], os.O_RDONLY)\n"
        "with unpackers(folder, folder, None):\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        children = unpackers_below(parent.pid)
        assert children
        time.sleep(0.5)  # their own first steps; until then a closed pipe ends them just as well
        parent.kill()
    deadline = time.monotonic() + 60
    while any(is_unpacker(pid) for pid in children):
        assert time.monotonic() < deadline, "unpackers outlived their process"
        time.sleep(0.02)


def unpackers_below(pid: int) -> list[int]:
    """The unpackers that `pid` started and that still run."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if is_unpacker(int(child))]


def is_unpacker(pid: int) -> bool:
    """Whether `pid` is an unpacker that still runs (one that only waits to be reaped has no command line)."""
    try:
        return b"archive.unpacker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_full_disk_is_an_error_that_touches_nothing_else(odd: Path, tmp_path: Path, staged: Staged) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        (disk / "installed").write_bytes(b"11.5.0")

        with pytest.raises(OSError, match="No space left"):
            staged(odd, disk / "new")

        assert sorted(path.name for path in disk.iterdir()) == ["installed", "new"]
        assert (disk / "installed").read_bytes() == b"11.5.0"


def test_a_patch_of_a_file_that_is_not_there_asks_for_the_full_archive(
    good: Path, vendor: Path, tmp_path: Path, staged: Staged
) -> None:
    bad = with_index(good, tmp_path / "bad.ospi", vendor, lambda entry: replace(entry, base=bytes(32), length=9))

    with pytest.raises(ArchiveError, match="archive complète") as refusal:
        staged(bad, tmp_path / "new")

    assert refusal.value.code == "wrong_base"


def test_a_file_to_keep_that_is_not_there_asks_for_the_full_archive(
    good: Path, vendor: Path, tmp_path: Path, staged: Staged
) -> None:
    bad = with_index(good, tmp_path / "bad.ospi", vendor, lambda entry: replace(entry, pack=None))

    with pytest.raises(ArchiveError, match="archive complète") as refusal:
        staged(bad, tmp_path / "new")

    assert refusal.value.code == "wrong_base"


@pytest.mark.parametrize(
    "changes",
    [{"sha256": bytes(32)}, {"offset": 3}, {"offset": 10**9}, {"pack": 7}],
)
def test_an_index_that_does_not_fit_its_packs_is_refused(
    good: Path, vendor: Path, tmp_path: Path, staged: Staged, changes: dict[str, Any]
) -> None:
    bad = with_index(good, tmp_path / "bad.ospi", vendor, lambda entry: replace(entry, **changes))

    with pytest.raises(ArchiveError) as refusal:
        staged(bad, tmp_path / "new")

    assert refusal.value.code == "tampered"


def with_index(archive: Path, output: Path, keys: Path, change: Callable[[Entry], Entry]) -> Path:
    """`archive` in which `change` was applied to each file with contents, signed again by its own vendor."""
    with Archive.open(archive, Trust((keys / "root.json").read_bytes()), archives.NOW) as opened:
        entries = [change(entry) if entry.size else entry for entry in opened.entries()]
    lines = b"".join(map(encode_entry, entries))
    return archives.with_member(archive, output, keys, layout.INDEX, zstd.compress(lines), {"unpacked": len(lines)})
