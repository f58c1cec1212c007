"""The reverse proxy before the hub: its maintenance page while the flag is there, else the hub."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from demo.gate import Gate, Portal


class _Quiet(WSGIRequestHandler):
    """What matters of the requests is asserted by the tests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@contextmanager
def front(port: int, hub_port: int, flag: Path, page_dir: Path) -> Iterator[None]:
    """Serve on 127.0.0.1:`port` what a hospital's reverse proxy would."""
    gate = Gate(Portal(f"http://127.0.0.1:{hub_port}"), flag, page_dir)
    server = make_server("127.0.0.1", port, gate, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
