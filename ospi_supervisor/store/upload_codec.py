"""An upload between its row in `web.db`, where what is composed is JSON, and what the program works with."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from ospi_supervisor.store.web_models import Upload
from ospi_supervisor.store.web_rows import UploadRow


def upload_row(row: Upload) -> UploadRow:
    """The upload of a row of `web.db`."""
    upload: UploadRow = msgspec.convert(row.__data__, UploadRow)
    return upload


def stored(changes: Mapping[str, object]) -> dict[str, object]:
    """The values as the columns take them: instants as they are, what is composed as JSON."""
    return {
        name: value if value is None or isinstance(value, str | int | datetime) else msgspec.to_builtins(value)
        for name, value in changes.items()
    }
