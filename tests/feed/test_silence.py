"""How long a server or a proxy may send nothing."""

from pathlib import Path

import pytest

from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.deadlines import Limits
from tests.support.certificates import Authority
from tests.support.http_server import serving


@pytest.mark.parametrize("secure", [False, True])
def test_silence_is_measured_as_it_is_configured(tmp_path: Path, secure: bool) -> None:
    """A proxy's antivirus holds a file for longer than a connection may take."""
    authority = Authority(tmp_path / "authority")
    certificate = authority.server() if secure else None
    (tmp_path / "root").mkdir()
    (tmp_path / "root/file").write_bytes(b"x" * 1000)
    with serving(tmp_path / "root", certificate=certificate) as server:
        server.behaviour = lambda handler: handler.state.stopping.wait(1.5)
        limits = Limits(connect=0.5, silence=10, window=10)
        transport = Transport(limits=limits, ca_bundle=authority.path)
        with transport.get(f"{server.url}file") as reply:
            assert b"".join(reply.chunks()) == b"x" * 1000
