"""Extended attributes (ACLs are among them), on file systems which may have none."""

import errno
import os
from pathlib import Path


def attribute_names(path: str | Path) -> list[str]:
    """The names of the attributes of `path`; none where its file system keeps none. Raises OSError."""
    try:
        return os.listxattr(path)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise
