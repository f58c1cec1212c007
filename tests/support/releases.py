"""Releases of the demonstration's portal that a test needs and the demonstration does not."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.layout import Layout
from demo.notice import write_notice
from demo.samples import GOOD, HOOKS, PRODUCT
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.publisher.build import Sources, build


def changed_release(layout: Layout, folder: Path, changes: Mapping[str, bytes]) -> Path:
    """The archive of the good release with other contents in these files, made in `folder` by the same vendor."""
    tree = folder / "release"
    shutil.copytree(layout.vendor / GOOD, tree)
    for name, content in changes.items():
        (tree / name).write_bytes(content)
    notice = folder / "notice.pdf"
    write_notice(notice, GOOD)
    expires = datetime.now(UTC) + timedelta(days=1)
    sources = Sources(payload=tree, notice=notice, hooks=None, keys=layout.vendor / "keys", expires=expires)
    manifest = Manifest(product=PRODUCT, version=GOOD, requires=">=11.0.0", hooks=HOOKS, writable=("cache",))
    archive = folder / f"{PRODUCT}-{GOOD}.ospi"
    build(sources, manifest, archive)
    return archive
