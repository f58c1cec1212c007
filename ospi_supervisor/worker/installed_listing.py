"""Publishes what a delta must have been made for, so that the first megabyte of one tells whether it was."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ospi_supervisor.deployment.installed import InstalledReleases, record_path
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import INSTALLED_LISTING, ListingDocument


@dataclass
class InstalledListing:
    """The listing of the installed release, made anew only when its record is another."""

    installed: InstalledReleases
    current: Callable[[], str]
    published: PublishedStore
    clock: Callable[[], datetime]
    _known: tuple[str, int] | None = field(default=None, init=False)

    def publish(self) -> None:
        """Each minute; nothing where no release is installed."""
        try:
            version = self.current()
        except PlatformError:
            return
        path = record_path(self.installed.paths, version)
        seen = (version, path.stat().st_mtime_ns if path.exists() else 0)
        if seen != self._known:
            document = ListingDocument(version=version, sha256=self.installed.listing_digest(version))
            self.published.publish(INSTALLED_LISTING, document, self.clock())
            self._known = seen
