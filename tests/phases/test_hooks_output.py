"""What hooks print is kept for readers who may not read the secrets that hooks are given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.errors import HookError
from ospi_supervisor.phases.hooks import ReleaseHooks
from ospi_supervisor.phases.release import manifest_facts
from tests.phases.conftest import NEW, MemoryRun

PASSWORD = "pâss w@rd"
SCRIPT = """#!/bin/sh
echo "connexion à $OSPI_DATABASE_URL_ENTREPOT"
echo "mot : pâss w@rd"
exit 1
"""


def test_the_databases_password_reaches_neither_the_log_nor_the_failure(
    tmp_path: Path,
    make_config: Callable[..., Config],
    make_run: Callable[[Phase], MemoryRun],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    url, file = "postgresql://bi@127.0.0.1/entrepot", str(tmp_path / "password")
    config = make_config(platform={"databases": [{"name": "entrepot", "url": url, "password_file": file}]})
    releases = Releases(config.platform.root)
    hook = releases.path(NEW) / "hooks" / "10-schema"
    hook.parent.mkdir(parents=True)
    hook.write_text(SCRIPT, encoding="utf-8")
    hook.chmod(0o755)
    run = make_run(Phase.MIGRATE)
    printed: list[str] = []
    monkeypatch.setattr(run, "log", printed.append)
    described = Hook(phase=HookPhase.MIGRATE, name=hook.name, timeout=20, title="Schéma")
    manifest = Manifest(product="portail", version=NEW, hooks=(described,))
    run.known[Phase.VERIFY] = {"manifest": manifest_facts(manifest)}
    with pytest.raises(HookError) as failure:
        ReleaseHooks(config, releases).run(run, HookPhase.MIGRATE)
    assert "".join(printed) == "connexion à postgresql://bi:***@127.0.0.1/entrepot\nmot : ***\n"
    assert "mot : ***" in str(failure.value)
