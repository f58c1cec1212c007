"""A command loads what it needs: seconds of processor are what scripts and probes that call it often pay."""

import subprocess
import sys

import pytest

LOADED = """
import sys
import click
from ospi_supervisor.cli import main
if sys.argv[1:] == ["status"]:
    assert main.get_command(click.Context(main), "status")
    import ospi_supervisor.config.tables, ospi_supervisor.operations.status, ospi_supervisor.store.engine_reader
else:
    main(sys.argv[1:], standalone_mode=False)
print("\\n".join(sys.modules))
"""
HEAVY = {
    "urllib3",
    "psutil",
    "packaging.specifiers",
    "playhouse",
    "concurrent.futures",
    "tuf",
    "flask",
    "huey",
    "backports.zstd",
}
"""What acts, migrates, fetches or serves."""
OTHERS = {f"ospi_supervisor.commands.{name}" for name in ("automatic", "backups", "machine", "support")}


@pytest.mark.parametrize(
    ("command", "unloaded"),
    [("--help", HEAVY | {"peewee", "msgspec", "logging"}), ("status", HEAVY | OTHERS)],
)
def test_a_command_that_only_tells_loads_nothing_that_acts(command: str, unloaded: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, command], check=True, stdout=subprocess.PIPE, text=True, timeout=60
    )

    loaded = set(done.stdout.splitlines())
    assert "ospi_supervisor.cli" in loaded
    assert not loaded & unloaded
