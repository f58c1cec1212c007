"""A hospital that follows a vendor's repository, and archives to publish in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ospi_supervisor.domain.offers import OfferKind
from ospi_supervisor.feed.catalogue import Catalogue, check
from ospi_supervisor.feed.transport import Transport
from tests.support.archives import PRODUCT, build_archive, make_tree
from tests.support.http_server import Server

NOW = datetime.now(UTC)


class Hospital:
    """A client that began with the vendor's first root."""

    def __init__(self, root: bytes, folder: Path) -> None:
        self.root, self.folder = root, folder

    def check(self, server: Server) -> Catalogue:
        return check(Transport(), server.url, self.folder / "state", self.root)


def archive(tmp_path: Path, keys: Path, version: str = "11.6.0", text: bytes = b"hello") -> Path:
    tree = make_tree(tmp_path / f"tree-{version}", {"VERSION": version.encode(), "text": text})
    expires = NOW + timedelta(days=365)
    return build_archive(tmp_path / f"{PRODUCT}-{version}.ospi", keys, tree, version=version, expires=expires)


def versions(catalogue: Catalogue) -> list[str]:
    return sorted(offer.version for offer in catalogue.offers if offer.kind is not OfferKind.NOTICE)
