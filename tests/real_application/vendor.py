"""What the vendor of the real application delivers, and what spoils an update of it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.trust import Trust
from tests.real_application import recipe
from tests.real_application.hospital import Site


@dataclass(frozen=True)
class Vendor:
    """What the vendor delivers: the first root metadata, the new release's archive; and the old one as installed."""

    root_metadata: Path
    archive: Path
    installed: Path


def deliver(folder: Path, work: str | None = None) -> Vendor:
    """Both releases built and proven by `ospi-release`, the older one unpacked from its archive and prepared; `work` is
    a hook more of their migrations."""
    keys, notice, python = folder / "keys", folder / "notice.pdf", recipe.platform_python()
    recipe.run_tool("ospi-release", "init", str(keys))
    notice.write_bytes(b"%PDF-1.4\n%%EOF\n")
    root_metadata = keys / "root.json"
    versions = (recipe.OLD, recipe.NEW)
    archives = {version: recipe.build(version, folder, python, keys, notice, work) for version in versions}
    for archive in archives.values():
        recipe.run_tool("ospi-release", "verify", str(archive), "--root", str(root_metadata))
    installed = _install(archives[recipe.OLD], folder / "installed", root_metadata)
    return Vendor(root_metadata, archives[recipe.NEW], installed)


def _install(archive: Path, release: Path, root_metadata: Path) -> Path:
    """A first deployment by the integrator: unpack, then what the release's `stage` hook does."""
    with Archive.open(archive, Trust(root_metadata.read_bytes()), datetime.now(UTC)) as opened:
        stage(opened, release, None, progress=lambda _: None, check=lambda: None, hard_links=False)
    (release / "venv").mkdir(exist_ok=True)
    account = recipe.platform_account()
    if account is not None:
        shutil.chown(release / "venv", account)
    environment = {"OSPI_RELEASE_DIR": str(release), "OSPI_TO_VERSION": recipe.OLD, "PATH": os.defpath}
    hook = [str(release / "hooks/10-venv")]
    subprocess.run(hook, **recipe.as_platform(), env=environment, cwd=release, check=True, capture_output=True)
    return release


def add_column_by_hand(site: Site) -> None:
    """What a hospital should not do: alter the application's tables."""
    site.rows.execute("ALTER TABLE users ADD COLUMN user_info TEXT")
