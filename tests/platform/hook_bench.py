"""A release with one hook, for the tests of what hooks do and leave."""

from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ospi_supervisor.errors import CancelledError
from ospi_supervisor.platform.hook_output import Kept, Sinks
from ospi_supervisor.platform.hooks import run_hook


@dataclass
class Bench:
    """A release with one hook, and all that the hook said."""

    release: Path
    account: str | None = None
    lines: list[str] = field(default_factory=list)
    progress: list[tuple[float, str]] = field(default_factory=list)
    shown: list[tuple[list[str], int]] = field(default_factory=list)
    kept: Kept = Kept()  # noqa: RUF009 - a value
    beats: int = 0
    stop_at_beat: int | None = None

    def run(self, script: str, timeout: float = 20) -> None:
        path = self.release / "hook"
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}")
        path.chmod(0o755)
        run_hook(
            path,
            env={"OSPI_RELEASE_DIR": str(self.release), "OSPI_UPDATE_ID": "7"},
            cwd=self.release,
            account=self.account,
            timeout=timeout,
            sinks=Sinks(
                on_progress=lambda percent, message: self.progress.append((percent, message)),
                on_log=lambda text: self.lines.extend(text.removesuffix("\n").split("\n")),
                on_lines=lambda lines, count: self.shown.append((list(lines), count)),
                clean=lambda text: text.replace("s3cret", "***"),
            ),
            kept=self.kept,
            beat=self._beat,
        )

    def _beat(self) -> None:
        self.beats += 1
        if self.beats == self.stop_at_beat:
            raise CancelledError("demandé")

    def survivors(self) -> list[int]:
        """Processes of this release that still run."""
        return [process.pid for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("OSPI_RELEASE_DIR") == str(self.release)
        except psutil.Error:
            return False
