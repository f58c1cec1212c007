"""`rehearse FILE`, where no worker has been started yet."""

import shutil

from tests.commands.conftest import Shell
from tests.support.site import Archives, Site


def test_it_needs_no_worker_to_have_been_there(shell: Shell, site: Site, archives: Archives) -> None:
    for folder in (site.config.paths.logs_dir, site.config.paths.trust_dir):
        shutil.rmtree(folder, ignore_errors=True)
    result = shell("rehearse", archives.bad["unsigned"])
    assert result.exit_code == 1
    assert "sign" in result.stderr, result.stderr
