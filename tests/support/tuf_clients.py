"""Two clients of a TUF repository, ours and python-tuf's own, behind one face."""

from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import Metadata
from tuf.ngclient.updater import Updater

from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed.catalogue import check
from ospi_supervisor.feed.transport import Transport
from tests.support.http_server import Server


@dataclass
class Client:
    """One of the two clients, before a vendor's server."""

    server: Server
    state: Path
    root: bytes
    is_ours: bool

    def refresh(self) -> bool:
        """Whether the repository was accepted."""
        self.state.mkdir(exist_ok=True)
        try:
            if self.is_ours:
                check(Transport(), self.server.url, self.state, self.root)
            else:
                Updater(str(self.state), f"{self.server.url}metadata/", bootstrap=self.root).refresh()
        except FeedError:
            return False
        except Exception:  # noqa: BLE001 - whatever python-tuf raises is a refusal
            return False
        return True

    def version(self, role: str) -> int | None:
        """The version of that role that is kept."""
        path = self.state / f"{role}.json"
        return None if not path.exists() else int(Metadata.from_file(str(path)).signed.version)
