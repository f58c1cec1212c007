"""`[backup]` and `[rehearsal]`: the snapshots, and the twin that is made of one."""

from pathlib import Path
from typing import Annotated

import msgspec

from ospi_supervisor.config.forms import Positive
from ospi_supervisor.domain.rehearsal import Mode


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the file; its fields are the accepted keys."""


class BackupTable(Table, frozen=True, kw_only=True):
    """`[backup]`: where snapshots lie, how many full ones are kept, and whether one is drilled each month.

    `after_snapshot` is a command (split as a shell would, run without one) that is handed each full one, as the account
    `after_snapshot_account`, for `after_snapshot_timeout` seconds at most.
    """

    directory: Path
    keep: Positive = 2
    drill: bool = True
    after_snapshot: str | None = None
    after_snapshot_account: str | None = None
    after_snapshot_timeout: Annotated[int, msgspec.Meta(ge=10, le=7 * 24 * 3600)] = 12 * 3600


class RehearsalTable(Table, frozen=True, kw_only=True):
    """`[rehearsal]`: whether updates are played on a twin first, and what a twin may take.

    `time_limit` is in seconds; `memory` in decimal GB, 0 for half of the machine's.
    """

    mode: Mode = Mode.WHEN_POSSIBLE
    time_limit: Annotated[int, msgspec.Meta(ge=10, le=7 * 24 * 3600)] = 4 * 3600
    memory: Annotated[float, msgspec.Meta(ge=0)] = 0.0
