"""In a twin: starts a program as an account."""

import os
import subprocess
from typing import Any

from ospi_supervisor.hands.inside.answers import Command
from ospi_supervisor.platform.processes import base_environment


def start_program(command: Command, given: int, output: int) -> subprocess.Popen[bytes]:
    """The program that `command` tells of, with that standard input and output. OSError."""
    user, *groups = command["account"]
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        identity = {"user": user, "group": groups[0], "extra_groups": groups}
    return subprocess.Popen(
        command["command"],
        stdin=given,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**base_environment(None), **command["env"]},
        cwd=command["cwd"],
        start_new_session=True,
        **identity,
    )
