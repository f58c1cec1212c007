"""The errors that somebody acts on.

Messages are in French, in lower case and without a final stop: they say what cannot be done and what to do.
`str(error)` is what the administrator reads; nothing secret may stand in it.
"""

import errno


class SupervisorError(Exception):
    """Base of every error that this program raises on purpose."""


class ConfigurationError(SupervisorError):
    """The configuration, or the machine it describes, is not usable; nothing was started."""


class RefusedError(SupervisorError):
    """What was asked for is refused and nothing changed. `code` is a stable word, for programs."""

    def __init__(self, message: str, code: str = "refused") -> None:
        super().__init__(message)
        self.code = code


class ArchiveError(RefusedError):
    """The archive cannot be accepted. `code` is one of `ARCHIVE_CODES`."""


ARCHIVE_CODES = frozenset(
    {
        "empty",  # no byte at all
        "decompressed",  # the bare contents of an archive, or an archive that some program unpacked and repacked
        "not_an_archive",  # something else altogether
        "unsigned",  # no signature, or fewer than the threshold
        "foreign_key",  # signed, by keys that are not the vendor's
        "tampered",  # a member differs from what was signed
        "truncated",  # shorter than what was signed
        "unsafe",  # signed, but with a path, link, mode or size that is never extracted
        "wrong_product",
        "downgrade",  # not newer than the installed release
        "platform_too_old",
        "wrong_base",  # a delta for another installed release
        "unsupported",  # a format of tomorrow
    }
)


class BusyError(RefusedError):
    """Another update, or a restore, holds the update lock."""


class LockedVersionError(RefusedError):
    """This product and version failed here before: it never starts again without the support's release."""


class PlatformError(SupervisorError):
    """The managed platform did not do what was asked of it: a service, a link, the switch, its health."""


class HookError(PlatformError):
    """A release's hook failed, ran past its limit, or could not be started."""


class BackupError(SupervisorError):
    """A snapshot could not be taken, is damaged, or could not be restored."""


class FeedError(SupervisorError):
    """The vendor's repository could not be reached or cannot be trusted; nothing was installed.

    `problem` and `remedy` are what pages show apart. `transient` is whether trying again may help.
    """

    def __init__(self, problem: str, remedy: str, *, transient: bool = False) -> None:
        super().__init__(f"{problem} ; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.transient = transient


class MailError(SupervisorError):
    """A message could not be handed to the mail server, or not for every recipient; nothing else depends on it."""


class CancelledError(SupervisorError):
    """An administrator asked this update to stop (phases 1 to 4)."""


class WorkerStoppingError(SupervisorError):
    """The worker is being stopped: the update goes on when the worker is back (phases 1 to 4)."""


class StateError(SupervisorError):
    """The state cannot be written, or read (a full or failing disk, a damaged database): nothing may be begun, an undo
    goes on all the same."""


def in_words(error: Exception) -> str:
    """What the administrator reads of any error."""
    if isinstance(error, SupervisorError):
        words = str(error)
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        words = f"plus d'espace sur le disque ({error.filename or 'fichier inconnu'}) ; libérez-en"
    elif isinstance(error, OSError):
        words = f"erreur du système ({error}) ; contactez le support"
    else:
        words = f"erreur imprévue ({type(error).__name__} : {error}) ; contactez le support"
    return printable(words)


def printable(text: str) -> str:
    """`text` with question marks for what is not text: file names and hooks may hold any bytes."""
    return text.encode("utf-8", "replace").decode("utf-8")
