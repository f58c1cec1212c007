"""ARCHITECTURE.md says of each room which others it knows: those that its modules import, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ospi_supervisor"
ROW = re.compile(r"^\| `(\w+)/`(?:, `\w+\.py`)? \|.*\| ([^|]*) \|$", re.MULTILINE)
COMMON = {"errors", "system", "domain"}
"""What the table's head says of all."""

WIRED = {"bootstrap"}
"""May know everything, as its row says."""


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms() -> set[str]:
    return {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}


def known_by(folder: Path) -> set[str]:
    """The rooms whose modules it imports, its own and the common ones aside."""
    names = [name.split(".") for module in folder.rglob("*.py") for name in imported(module)]
    found = {parts[1] for parts in names if parts[0] == PACKAGE.name and len(parts) > 1}
    return (found & rooms()) - COMMON - {folder.name}


def test_each_room_knows_those_that_the_table_says() -> None:
    told = {
        room: set(re.findall(r"`(\w+)`", known)) for room, known in ROW.findall((ROOT / "ARCHITECTURE.md").read_text())
    }
    assert set(told) == rooms() | {"jobs"}
    for room in set(told) - WIRED:
        assert told[room] == known_by(ROOT / room if room == "jobs" else PACKAGE / room), room
