"""Commands that die as by SIGKILL, at each of their writes in turn."""

import os
import sys
from collections.abc import Callable

_DEAD = 9


def killed_at(number: int, command: Callable[[], object]) -> bool:
    """Run `command` in a process that dies just before its write `number`; False where it came to its end first."""
    pid = os.fork()
    if pid == 0:
        try:
            _die_before(number)
            command()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, _DEAD)
    return code == _DEAD


def _die_before(number: int) -> None:
    """Names that change count as writes, and what is written into a file that was just made."""
    left = number

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        made = event == "open" and isinstance(arguments[0], int)
        if made or event in ("os.rename", "os.remove", "os.mkdir"):
            left -= 1
            if left < 0:
                os._exit(_DEAD)

    sys.addaudithook(audit)
