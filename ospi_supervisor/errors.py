"""The errors that somebody acts on.

Messages are in French, in lower case and without a final stop: they say what cannot be done and what to do.
`str(error)` is what the administrator reads; nothing secret may stand in it.
"""

import errno
import json
import unicodedata
from datetime import timedelta


class SupervisorError(Exception):
    """Base of every error that this program raises on purpose. Its words are printable whatever names stand in them."""

    def __str__(self) -> str:
        return printable(super().__str__())


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


class ThrottledError(RefusedError):
    """Too many have tried; another may after `retry_after` seconds."""

    def __init__(self, reason: str, left: timedelta) -> None:
        self.retry_after = max(1, round(left.total_seconds()))
        minutes = -(-self.retry_after // 60)
        how_long = f"{minutes} minutes" if self.retry_after > 90 else f"{self.retry_after} s"
        super().__init__(f"{reason} ; réessayez dans {how_long}", code="throttled")


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


class NotRehearsedError(SupervisorError):
    """The twin of a rehearsal could not be made, or could not play something: it says nothing of the release."""


class FeedError(SupervisorError):
    """The vendor's repository could not be reached or cannot be trusted; nothing was installed.

    `problem` and `remedy` are what pages show apart. `transient` is whether trying again at once may help, `later`
    whether a new look at the repository, later in the night, may.
    """

    def __init__(self, problem: str, remedy: str, *, transient: bool = False, later: bool = False) -> None:
        super().__init__(f"{problem} ; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.transient = transient
        self.later = later or transient


class MailError(SupervisorError):
    """A message could not be handed to the mail server, or not for every recipient; nothing else depends on it."""


class CancelledError(SupervisorError):
    """An administrator asked this update to stop (before `maintenance`)."""


class GivenUpError(CancelledError):
    """Nobody asked: the update itself gives up, for what the words say, before users lose the platform."""


class NotOpenedError(SupervisorError):
    """The new release was validated behind the closed door, and is not opened: no failure, the old one comes back."""


class StoppedByHandError(SupervisorError):
    """Whoever ran a command stopped it (Ctrl-C, SIGTERM, a closed terminal); says what goes on without it."""


class WorkerStoppingError(SupervisorError):
    """The worker is being stopped: the update goes on when the worker is back (before `maintenance`, and while it is
    validated)."""


class StateError(SupervisorError):
    """The state cannot be written, or read (a full or failing disk, a damaged database): nothing may be begun, an undo
    goes on all the same."""


class NewerFormatError(StateError):
    """A newer version of this program wrote it: nothing in it was changed, and nothing may be."""


_SYSTEM_WORDS = {
    errno.ENOSPC: "plus d'espace sur le disque",
    errno.EDQUOT: "quota du disque atteint",
    errno.EROFS: "disque monté en lecture seule",
    errno.EACCES: "accès refusé",
    errno.EPERM: "opération interdite",
    errno.EIO: "le disque ne répond plus ou est abîmé",
    errno.ENOENT: "fichier ou dossier absent",
    errno.EEXIST: "le fichier existe déjà",
    errno.ENOTDIR: "ce n'est pas un dossier",
    errno.EISDIR: "c'est un dossier",
    errno.ENOTEMPTY: "le dossier n'est pas vide",
    errno.EFBIG: "fichier trop grand pour ce disque",
    errno.EMFILE: "trop de fichiers ouverts par le service",
    errno.ENFILE: "trop de fichiers ouverts sur ce serveur",
    errno.ENOMEM: "mémoire insuffisante",
    errno.ENAMETOOLONG: "nom trop long",
    errno.ELOOP: "liens en boucle",
    errno.EXDEV: "autre système de fichiers",
    errno.EBUSY: "fichier ou dossier occupé",
    errno.ESTALE: "partage réseau perdu",
    errno.ENOTCONN: "partage réseau déconnecté",
    errno.ECONNREFUSED: "connexion refusée",
    errno.ECONNRESET: "connexion coupée",
    errno.ETIMEDOUT: "délai dépassé",
    errno.EADDRNOTAVAIL: "plus de port libre",
    errno.ENOBUFS: "mémoire réseau épuisée",
    errno.EHOSTUNREACH: "machine injoignable",
    errno.ENETUNREACH: "réseau injoignable",
}


KILLED = 9
KILLED_BELOW_A_SHELL = 128 + KILLED


def exit_in_words(code: int) -> str:
    """How a program ended that failed: its exit code, or the signal that ended it (negative, as `subprocess` says)."""
    words = f"code {code}" if code >= 0 else f"signal {-code}"
    likely = code in (-KILLED, KILLED_BELOW_A_SHELL)
    return f"{words} : probablement un manque de mémoire" if likely else words


def system_words(error: OSError) -> str:
    """What the system's error is called in French; its own words for one that is rare."""
    return _SYSTEM_WORDS.get(error.errno or 0) or error.strerror or str(error)


def in_words(error: Exception) -> str:
    """What the administrator reads of any error."""
    if isinstance(error, SupervisorError):
        words = str(error)
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        words = f"plus d'espace sur le disque ({error.filename or 'fichier inconnu'}) ; libérez-en"
    elif isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        words = f"erreur du système : {system_words(error)}{place} ; contactez le support"
    else:
        words = f"erreur imprévue ({type(error).__name__} : {error}) ; contactez le support"
    return printable(words)


_NOT_TEXT = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of what is not seen, or changes how the rest is seen: control and bidirectional characters,
foreign bytes. The spaces of French (category Zs) are text."""


def printable(text: str) -> str:
    """`text` with an escape such as `\\u202e` or `\\xff` for what is not text, line feeds and tabs aside.

    File names and hooks may hold any bytes: none may drive a terminal, or show a name other than the real one.
    """
    if text.replace("\u00a0", " ").replace("\u202f", " ").isprintable():  # nearly every text of a page
        return text
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _NOT_TEXT else _escaped(char) for char in text
    )


def on_one_line(text: str) -> str:
    """`printable`, with line feeds and tabs escaped too: for a name."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def printable_json(text: str) -> str:
    """`printable` for a JSON document: the escapes are JSON's own, so that a program reads the very same names."""
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in _NOT_TEXT else json.dumps(char)[1:-1] for char in text
    )


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte of a name that is not UTF-8, as Python holds it
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")
