"""What one release of the portal is: its version, the schema of data that it works on, its panels."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Panel:
    """One chart of the dashboard: `sql` yields (label, value) rows."""

    title: str
    unit: str
    sql: str
    kind: str = "bars"
    new: bool = False
    note: str = ""


@dataclass(frozen=True)
class Release:
    """A release, as its `release.toml` describes it."""

    root: Path
    version: str
    schema: int
    panels: tuple[Panel, ...]


def load_release(root: Path) -> Release:
    """The release whose tree is `root`: the panels that all releases share, then its own."""
    own = _read(root / "release.toml")
    shared = _read(root / "portail" / "panels.toml")
    panels = tuple(Panel(**panel) for panel in [*shared["panels"], *own.get("panels", [])])
    return Release(root, own["version"], own["schema"], panels)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
