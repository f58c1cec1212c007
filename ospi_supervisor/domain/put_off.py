"""A release that is put off: apart from what weighs offers, since each command reads the settings."""

from dataclasses import dataclass
from datetime import date

from ospi_supervisor.domain.versions import is_same


@dataclass(frozen=True, kw_only=True)
class PutOff:
    """A release that an administrator does not want yet, and why; `until` excluded, None meaning until told."""

    version: str
    reason: str
    by: str
    until: date | None = None

    def holds(self, version: str, today: date) -> bool:
        """Whether it is `version` that is not wanted on that day."""
        return is_same(self.version, version) and (self.until is None or today < self.until)
