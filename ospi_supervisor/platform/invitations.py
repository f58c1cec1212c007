"""The link behind the closed door: a file whose name is the secret, which the reverse proxy looks for.

Nothing else holds the secret: no database, no log. Everybody may go through the folder, the web server too; root and
the supervisor's web account alone list it.
"""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from ospi_supervisor.errors import PlatformError, system_words
from ospi_supervisor.system.files import fsync_dir

SECRET_BYTES = 32
SECRET = re.compile(r"[0-9a-f]{64}\Z")
"""What the proxies match before they look for a file; see their templates."""
COOKIE = "ospi_validation"
"""What brings the secret with each request of a holder's."""
FRAGMENT = "#validation="
"""What leads to the secret in a link: behind `#` it stays in the browser, where the maintenance page reads it."""
FOLDER_MODE = 0o751


class Invitations:
    """The link of the validation under way: one at a time, in `folder`; `group_of` is a folder of the group which may
    list it."""

    def __init__(self, folder: Path, group_of: Path) -> None:
        self._folder = folder
        self._group_of = group_of

    def issue(self) -> None:
        """Make a link, in place of any other; its file is durable. PlatformError."""
        self.withdraw()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.chown(self._folder, -1, self._group_of.stat().st_gid)
            self._folder.chmod(FOLDER_MODE)
            path = self._folder / secrets.token_hex(SECRET_BYTES)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444))
            fsync_dir(self._folder)
        except OSError as error:
            raise PlatformError(
                f"impossible de préparer le lien dans {self._folder} : {system_words(error)}"
            ) from error

    def withdraw(self) -> None:
        """No link leads in from now on, durably. PlatformError: then one may."""
        try:
            if self._folder.is_dir():
                for path in self._folder.iterdir():
                    path.unlink(missing_ok=True)
                fsync_dir(self._folder)
        except OSError as error:
            raise PlatformError(f"impossible de retirer le lien de {self._folder} : {system_words(error)}") from error


def secret_in(folder: Path) -> str | None:
    """The secret of the link there; None where there is none, or whoever asks may not list the folder."""
    with suppress(OSError):
        return next((path.name for path in folder.iterdir() if SECRET.match(path.name)), None)
    return None
