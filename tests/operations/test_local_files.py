"""An archive that lies on the server: the shell's import."""

import os
import shutil
from pathlib import Path

import pytest

from ospi_supervisor.errors import PlatformError, RefusedError
from ospi_supervisor.operations.uploads import Uploads
from tests.operations.test_uploads import files
from tests.support.site import Archives, Site


@pytest.mark.parametrize("name", ["unsigned", "foreign_key", "tampered", "truncated", "decompressed", "empty"])
def test_a_local_file_is_judged_alike(site: Site, uploads: Uploads, archives: Archives, name: str) -> None:
    row = uploads.adopt_file(archives.bad[name], "root")
    assert (row.verdict, row.code) == ("refused", name)
    assert files(site) == []


def test_a_local_file_is_copied_not_taken(uploads: Uploads, archives: Archives) -> None:
    row = uploads.adopt_file(archives.large, "root")
    assert row.complete
    assert uploads.path(row.id).read_bytes() == archives.large.read_bytes()


def test_a_local_file_that_cannot_be_read_is_refused(uploads: Uploads, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="illisible"):
        uploads.adopt_file(tmp_path / "absent.ospi", "root")


def test_a_local_file_that_cannot_be_taken_leaves_nothing(site: Site, uploads: Uploads, archives: Archives) -> None:
    (site.folder / "platform/current").unlink()
    with pytest.raises(PlatformError, match="adopt"):
        uploads.adopt_file(archives.good, "root")
    assert (files(site), site.operations.web.uploads()) == ([], [])


def test_a_local_files_name_may_be_of_any_bytes(uploads: Uploads, archives: Archives, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/mise \xe0 jour.ospi"))
    shutil.copy(archives.good, path)
    assert uploads.adopt_file(path, "root").filename == r"mise \xe0 jour.ospi"
