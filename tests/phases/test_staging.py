"""What `verify` proved is what `stage` writes, and what can be refused without a lock is refused in `verify`."""

import hashlib
import os
import pwd
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from backports import zstd
from msgspec.structs import replace

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import encode_entry
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.tree import record_tree
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Hook, HookPhase
from ospi_supervisor.errors import ArchiveError, HookError, PlatformError, RefusedError
from ospi_supervisor.phases.base import Facts
from ospi_supervisor.phases.hooks import ReleaseHooks
from ospi_supervisor.phases.stage import Stage
from ospi_supervisor.phases.start import Start
from ospi_supervisor.phases.verify import Verify
from tests.phases.conftest import NEW, OLD, MemoryRun
from tests.support import archives
from tests.support.system import require_root


class Bench:
    """A platform on OLD, and the two phases on it; `run` is of the archive that they are given."""

    def __init__(self, config: Config, run: MemoryRun) -> None:
        self.run = run
        self.releases = Releases(config.platform.root)
        self.installed = InstalledReleases(self.releases, config.paths)
        clock = lambda: datetime.now(UTC)  # noqa: E731
        self._verify = Verify(config, self.releases, clock)
        self._stage = Stage(config, self.releases, self.installed, ReleaseHooks(config, self.releases), clock)
        config.paths.trust_dir.mkdir(parents=True)
        self.notices = config.paths.notices_dir
        archives.make_tree(self.releases.path(OLD), {**archives.TREE, "app/plugins/a.py": b"a"})
        self.releases.link.symlink_to(f"releases/{OLD}")
        self.installed.save(OLD, record_tree(self.releases.path(OLD)))

    def verify(self) -> None:
        self.run.known[Phase.VERIFY] = dict(self._verify.do(self.run))

    def stage(self) -> Facts:
        self.run.phase = Phase.STAGE
        return self._stage.do(self.run)

    def unstage(self) -> None:
        self._stage.undo(self.run)


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    return archives.make_keys(tmp_path / "vendor")


@pytest.fixture
def make_bench(
    make_config: Callable[..., Config], make_run: Callable[[Phase], MemoryRun], vendor: Path, tmp_path: Path
) -> Callable[..., Bench]:
    def make(*, account: str | None = None, writable: tuple[str, ...] = ()) -> Bench:
        (tmp_path / "platform").mkdir(exist_ok=True)
        config = make_config(
            platform={"product": archives.PRODUCT, "root": str(tmp_path / "platform"), "account": account},
            trust={"root": str(vendor / "root.json")},
        )
        made = Bench(config, make_run(Phase.VERIFY))
        tree = archives.make_tree(tmp_path / "tree", {**archives.TREE, "app/plugins/a.py": b"a"})
        archives.build_archive(made.run.request.archive, vendor, tree, writable=writable)
        return made

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


def test_what_was_verified_is_staged(bench: Bench, tmp_path: Path) -> None:
    bench.verify()
    bench.stage()
    assert archives.tree_facts(bench.releases.path(NEW)) == archives.tree_facts(tmp_path / "tree")
    bench.unstage()
    assert bench.releases.versions() == [OLD]


def test_the_notice_is_kept_for_those_who_read_it_afterwards(bench: Bench) -> None:
    bench.verify()
    (kept,) = bench.notices.iterdir()
    assert kept.read_bytes().startswith(b"%PDF")
    assert kept.stem == hashlib.sha256(kept.read_bytes()).hexdigest()
    bench.verify()  # a second time, as after a power cut
    assert list(bench.notices.iterdir()) == [kept]


def test_a_notice_that_cannot_be_kept_ends_nothing(bench: Bench) -> None:
    bench.notices.parent.mkdir(exist_ok=True)
    bench.notices.write_bytes(b"no folder")
    bench.verify()
    assert any("La notice n'a pas pu être gardée" in warning for warning in bench.run.warnings)


def test_another_archive_in_the_place_of_the_verified_one_is_refused(
    bench: Bench, vendor: Path, tmp_path: Path
) -> None:
    bench.verify()
    older = archives.make_tree(tmp_path / "older", {"VERSION": b"9.0.0\n"})
    archives.build_archive(bench.run.request.archive, vendor, older, version="9.0.0", requires="")
    with pytest.raises(ArchiveError, match="plus l'archive"):
        bench.stage()
    assert bench.releases.versions() == [OLD]


def test_an_index_that_asks_for_what_is_never_done_is_refused_by_verify(
    bench: Bench, vendor: Path, tmp_path: Path
) -> None:
    archive = bench.run.request.archive
    with Archive.open(archive, Trust((vendor / "root.json").read_bytes()), archives.NOW) as good:
        entries = [replace(entry, mode=0o4755) if entry.path == b"VERSION" else entry for entry in good.entries()]
    lines = b"".join(map(encode_entry, entries))
    bad = archives.with_member(
        archive, tmp_path / "bad.ospi", vendor, layout.INDEX, zstd.compress(lines), {"unpacked": len(lines)}
    )
    bad.replace(archive)
    with pytest.raises(ArchiveError, match="4755"):
        bench.verify()


def test_somebodys_folder_in_the_place_of_the_release_is_refused_and_stays(bench: Bench) -> None:
    theirs = bench.releases.path(NEW) / "précieux"
    theirs.mkdir(parents=True)
    with pytest.raises(RefusedError, match="existe déjà"):
        bench.verify()
    assert theirs.is_dir()


def test_what_an_update_left_there_is_replaced(bench: Bench, tmp_path: Path) -> None:
    bench.verify()
    bench.stage()
    (bench.releases.path(NEW) / "VERSION").unlink()
    bench.run.phase = Phase.VERIFY
    bench.verify()
    bench.stage()
    assert archives.tree_facts(bench.releases.path(NEW)) == archives.tree_facts(tmp_path / "tree")


def test_an_installed_folder_that_became_a_file_stops_neither_the_way_forth_nor_back(
    bench: Bench, tmp_path: Path
) -> None:
    plugins = bench.releases.path(OLD) / "app/plugins"
    shutil.rmtree(plugins)
    plugins.write_text("a file")
    bench.verify()
    bench.stage()
    assert archives.tree_facts(bench.releases.path(NEW)) == archives.tree_facts(tmp_path / "tree")
    bench.unstage()
    assert bench.releases.versions() == [OLD]


def test_a_folder_that_is_handed_over_gives_no_other_away(
    make_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform runs: its account puts a link in the place of what lies in the folder that it was just given."""
    require_root("folders are given to another account")
    bench = make_bench(account="nobody", writable=("cache", "cache/pages"))
    (tmp_path / "à root").mkdir()
    chown = os.chown

    def chown_then_race(path: Path, uid: int, gid: int) -> None:
        chown(path, uid, gid)
        if path.name == "cache":
            if (path / "pages").exists():
                (path / "pages").rename(path / "autre")
            (path / "pages").symlink_to(tmp_path / "à root")

    bench.verify()
    monkeypatch.setattr(os, "chown", chown_then_race)
    bench.stage()
    assert (tmp_path / "à root").stat().st_uid == 0
    assert (bench.releases.path(NEW) / "cache/autre").stat().st_uid == pwd.getpwnam("nobody").pw_uid


@pytest.mark.parametrize("kept", [False, True])
def test_verify_reads_what_hooks_ask_the_machine_for(bench: Bench, vendor: Path, tmp_path: Path, kept: bool) -> None:
    """From the packs, or from the installed release where it has the same file."""
    files = {"10-venv": b"#!/usr/bin/env -S python9.9 -u\nprint()\n", "20-binaire": b"\x7fELF" + bytes(300)}
    programs = archives.make_tree(tmp_path / "programs", files)
    for name in files:
        (programs / name).chmod(0o755)
    hooks = tuple(Hook(phase=HookPhase.STAGE, name=name, timeout=9, title="t") for name in ("10-venv", "20-binaire"))
    archives.build_archive(bench.run.request.archive, vendor, tmp_path / "tree", hooks=programs, hook_list=hooks)
    if kept:
        shutil.copytree(programs, bench.releases.path(OLD) / "hooks")
        bench.installed.save(OLD, record_tree(bench.releases.path(OLD)))
    bench.verify()
    assert bench.run.facts(Phase.VERIFY)["interpreters"] == {
        "10-venv": "/usr/bin/env -S python9.9 -u",
        "20-binaire": "",
    }


@pytest.mark.parametrize(
    ("path", "mode", "sealed"), [("VERSION", 0o644, True), ("VERSION", 0o664, False), ("app", 0o775, False)]
)
def test_a_release_that_others_can_write_to_is_looked_at_again_before_it_starts(
    make_bench: Callable[..., Bench], vendor: Path, tmp_path: Path, path: str, mode: int, sealed: bool
) -> None:
    require_root("releases are shared with no other account")
    bench = make_bench(account="nobody", writable=("cache",))
    (tmp_path / "tree" / path).chmod(mode)
    archives.build_archive(bench.run.request.archive, vendor, tmp_path / "tree", writable=("cache",))
    bench.verify()
    facts = bench.stage()
    assert facts["sealed"] is sealed
    bench.run.known[Phase.STAGE].update(facts)
    started: list[bool] = []
    services = SimpleNamespace(left_out=lambda only: [], start=lambda only, but_late: started.append(True))
    start = Start(services, bench.installed)  # type: ignore[arg-type]
    (bench.releases.path(NEW) / "VERSION").write_text("altérée par une migration")
    if sealed:  # which it could not be
        start.do(bench.run)
    else:
        with pytest.raises(PlatformError, match="modifiés depuis leur installation, dont 'VERSION'"):
            start.do(bench.run)
    assert started == ([True] if sealed else [])


def test_a_hook_of_stage_that_altered_the_release_is_found_before_users_lose_the_platform(
    bench: Bench, vendor: Path, tmp_path: Path
) -> None:
    hooks = archives.make_tree(
        tmp_path / "programs", {"10-venv": b"#!/bin/sh\nchmod u+w VERSION; echo autre > VERSION\n"}
    )
    (hooks / "10-venv").chmod(0o755)
    described = (Hook(phase=HookPhase.STAGE, name="10-venv", timeout=9, title="t"),)
    archives.build_archive(bench.run.request.archive, vendor, tmp_path / "tree", hooks=hooks, hook_list=described)
    bench.verify()
    with pytest.raises(HookError, match="a modifié un de ses fichiers : 'VERSION'"):
        bench.stage()
