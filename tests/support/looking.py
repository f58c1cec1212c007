"""A look at a vendor's repository."""

from pathlib import Path

from ospi_supervisor.feed.catalogue import Catalogue, check
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.deadlines import Limits
from tests.support.http_server import Server
from tests.support.vendor import Vendor


def run(server: Server, vendor: Vendor, state: Path, *, patience: float = 60) -> Catalogue:
    """What the repository offers, from the vendor's first root on; `patience` in seconds, little where it is to end."""
    limits = Limits(connect=patience, silence=patience, window=patience)
    return check(Transport(limits=limits), server.url, state, vendor.first_root)
