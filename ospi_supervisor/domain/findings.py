"""What a check of the configuration and the machine finds."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How much a finding matters: an error makes `check` fail."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """What one check found. `check` is a stable word."""

    check: str
    level: Grade
    message: str
