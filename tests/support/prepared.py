"""Demonstrations that skip their first preparation: it is made once, and copied."""

import atexit
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from demo.layout import Layout
from demo.prepare import Prepared, prepare, save
from tests.support.system import free_port


def lay_out_prepared(folder: Path) -> Layout:
    """A demonstration in `folder` as its first preparation leaves it, with ports of its own; not started."""
    layout = Layout(folder.resolve())
    template, prepared = _template()
    shutil.copytree(template.root, layout.root, symlinks=True, dirs_exist_ok=True)
    save(layout, replace(prepared, portal_port=free_port(), vendor_port=free_port()))
    return layout


@cache
def _template() -> tuple[Layout, Prepared]:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    layout = Layout(folder.resolve() / "demo")
    return layout, prepare(layout, free_port())
