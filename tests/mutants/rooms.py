"""Which tests hold which modules: a room is judged by the tests that mirror it, and by no others."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Room:
    """Modules below `ospi_supervisor`, by patterns, and the tests that are asked to notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def sources(self, root: Path) -> list[Path]:
        """The room's modules in the checkout `root`."""
        package = root / "ospi_supervisor"
        return sorted({path for pattern in self.modules for path in package.glob(pattern) if path.stat().st_size})


def _mirrored(name: str) -> Room:
    return Room((f"{name}/*.py",), (f"tests/{name}",))


ROOMS = {name: _mirrored(name) for name in ("domain", "engine", "archive", "phases", "platform", "feed", "store")} | {
    "restore": Room(("backup/restore.py",), ("tests/backup",)),
    "backup": _mirrored("backup"),
    "guard": Room(("web/guard.py", "web/auth.py"), ("tests/web/test_guard.py", "tests/web/test_auth.py")),
}
