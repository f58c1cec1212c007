"""The hand that opens or removes one file of the web account's. Arguments: what to do, the file's path, that account.

Its standard input is a socket: the descriptor of what it opened goes back by it, with one byte; or an error's number.
"""

import os
import socket
import sys

from ospi_supervisor.hands.inside.account import become

DONE = b"."


def main() -> None:
    """Do it as that account; whatever the system says is the answer."""
    do, path, user, *groups = sys.argv[1:]
    become(int(user), [int(group) for group in groups])
    with socket.socket(fileno=0) as answer:
        try:
            if do == "remove":
                os.unlink(path)  # noqa: PTH108 - a plain name
                answer.send(DONE)
            else:
                # A pipe or a device in the file's place would be waited for.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                socket.send_fds(answer, [DONE], [descriptor])
        except OSError as error:
            answer.send(str(error.errno).encode())
