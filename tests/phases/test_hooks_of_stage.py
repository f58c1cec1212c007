"""The hooks of `stage`: they may make their folder anew, and what a full disk does to them is the disk's fault."""

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.engine.reserve import Reserve
from ospi_supervisor.errors import HookError, PlatformError
from ospi_supervisor.phases.hooks import ReleaseHooks
from ospi_supervisor.phases.release import manifest_facts
from tests.phases.conftest import NEW, MemoryRun
from tests.support.engine import Bench as EngineBench
from tests.support.engine import close_databases
from tests.support.system import let_others_in, require_root
from tests.support.tmpfs import small_disk


@dataclass
class Bench:
    """A staged release whose folder `venv` belongs to the platform's account."""

    hooks: ReleaseHooks
    run: MemoryRun
    release: Path

    def play(self, script: str, phase: HookPhase = HookPhase.STAGE) -> None:
        hook = self.release / "hooks" / "10-venv"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nset -e\n{script}\n")
        hook.chmod(0o755)
        described = Hook(phase=phase, name=hook.name, timeout=30, title="Environnement")
        manifest = Manifest(product="p", version=NEW, hooks=(described,), writable=("venv",))
        self.run.known[Phase.VERIFY] = {"manifest": manifest_facts(manifest)}
        self.hooks.run(self.run, phase)


@pytest.fixture
def bench(tmp_path: Path, make_config: Callable[..., Config], make_run: Callable[[Phase], MemoryRun]) -> Bench:
    require_root("hooks run as another account")
    let_others_in(tmp_path)
    config = make_config(platform={"account": "nobody", "root": str(tmp_path / "platform")})
    for folder in config.platform.data_dirs:
        folder.mkdir(parents=True, exist_ok=True)
    releases = Releases(config.platform.root)
    release = releases.path(NEW)
    (release / "venv").mkdir(parents=True)
    (release / "app").write_text("de la version")
    account = pwd.getpwnam("nobody")
    os.chown(release / "venv", account.pw_uid, account.pw_gid)
    return Bench(ReleaseHooks(config, releases), make_run(Phase.STAGE), release)


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf venv && mkdir venv && touch venv/prêt",
        "mkdir venv.new && touch venv.new/prêt && rm -rf venv && mv venv.new venv",
        "touch venv/prêt",
    ],
)
def test_a_hook_may_make_its_writable_folder_anew(bench: Bench, script: str) -> None:
    bench.play(script)
    assert (bench.release / "venv/prêt").is_file()
    assert (bench.release / "app").read_text() == "de la version"
    facts = bench.release.stat()
    assert (facts.st_mode & 0o7777, facts.st_uid, facts.st_gid) == (0o755, 0, 0)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("rm -rf venv", "n'a pas laissé de dossier"),
        ("rm -rf venv && ln -s /etc venv", "n'a pas laissé de dossier"),
        ("rm -rf venv && touch venv", "n'a pas laissé de dossier"),
        ("touch intrus", "hors des dossiers"),
        ("echo autre > app", "app: Permission denied"),
        ("rm app", "a échoué"),
        ("mv hooks autres", "a échoué"),
    ],
)
def test_it_may_do_nothing_else_there(bench: Bench, script: str, words: str) -> None:
    with pytest.raises(HookError, match=words):
        bench.play(script)
    assert (bench.release / "app").read_text() == "de la version"
    assert (bench.release / "hooks").is_dir()
    assert bench.release.stat().st_mode & 0o7777 == 0o755


def test_a_hook_of_migrate_finds_the_release_closed(bench: Bench) -> None:
    with pytest.raises(HookError, match="a échoué"):
        bench.play("rm -rf venv", HookPhase.MIGRATE)


@pytest.mark.parametrize("leaves", ["", "; rm -f venv/gros"])
def test_a_disk_that_fills_meanwhile_is_at_fault_and_no_hook(bench: Bench, leaves: str) -> None:
    """Also where the hook tidies up after itself before it ends: the disk was seen full."""
    with small_disk(bench.release.parent, "8m"):
        (bench.release / "venv").mkdir(parents=True)
        account = pwd.getpwnam("nobody")
        os.chown(bench.release / "venv", account.pw_uid, account.pw_gid)
        fills = "dd if=/dev/zero of=venv/gros bs=64k 2>/dev/null || { sleep 1; false; }"
        with pytest.raises(PlatformError, match="plus d'espace sur le disque") as failure:
            bench.play(f"trap 'true {leaves}' EXIT\n{fills}")
        assert not isinstance(failure.value, HookError)


def test_a_hook_of_90_megabytes_leaves_a_state_disk_of_64_its_room(bench: Bench, tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", "64m"):
        engine = EngineBench(tmp_path)
        engine.admit()

        def prints(run: object) -> None:
            bench.run.log_path = engine.paths.logs_dir / "update-1.log"
            bench.run.log = run.log  # type: ignore[attr-defined, method-assign]
            bench.run.output = run.output  # type: ignore[attr-defined, method-assign]
            bench.play("yes 'une ligne de quarante-cinq octets, à peu près' | head -c 90000000")

        engine.run({"do stage": prints})
        assert engine.status() == "succeeded"
        assert engine.paths.reserve.exists()
        assert not Reserve(engine.paths.reserve).hold()  # type: ignore[func-returns-value]
        log = engine.paths.logs_dir / "update-1.log"
        assert log.stat().st_size < 6_000_000
        assert "non conservées" in log.read_text(encoding="utf-8", errors="replace")
        assert engine.journal("warning") == []
        close_databases()
