"""The signed manifest of an update archive: what the release is and what it asks for.

The types here are plain; `archive.manifest` decodes the JSON into them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from ospi_supervisor.errors import ArchiveError

FORMAT = 1
HOOK_TIMEOUT_MAX = 7 * 24 * 3600
"""Seconds."""


class ArchiveKind(StrEnum):
    """How an archive holds its release."""

    FULL = "full"
    DELTA = "delta"


class HookPhase(StrEnum):
    """The phases that a release may bring hooks for."""

    STAGE = "stage"
    MIGRATE = "migrate"


@dataclass(frozen=True, kw_only=True)
class Hook:
    """An executable `hooks/NAME` of the release; `timeout` is in seconds; `title` is shown in Suivi."""

    phase: HookPhase
    name: str
    timeout: int
    title: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What one archive says of itself, under signature.

    `requires` is a version condition on the installed platform; `os` lists identifiers of os-release
    (`ID` or `ID` and major version, as `centos-7`), none meaning any; `writable` lists folders of the
    release that hooks may write in; `unpacked_bytes` and `entries` bound what an installer will write;
    `base` is the release that a delta applies to, `base_listing` the sha256, in hexadecimal, of its paths' listing.
    """

    product: str
    version: str
    kind: ArchiveKind = ArchiveKind.FULL
    requires: str = ">=10.0.0"
    format: int = FORMAT
    os: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    writable: tuple[str, ...] = ()
    entries: int = 0
    unpacked_bytes: int = 0
    base: str | None = None
    base_listing: str | None = None

    def hooks_of(self, phase: HookPhase) -> tuple[Hook, ...]:
        """The hooks of one phase, in the order of their names."""
        return tuple(sorted((hook for hook in self.hooks if hook.phase is phase), key=lambda hook: hook.name))


@dataclass(frozen=True, kw_only=True)
class ReleaseSummary:
    """What a verified header says, for pages and programs (`release` in the contract's upload document)."""

    product: str
    version: str
    kind: ArchiveKind
    requires: str
    signed_by: tuple[str, ...] = field(default=())
    expired: bool = False
    base: str | None = None
    size: int = 0


def is_normal_relative(path: str) -> bool:
    """Whether `path` is relative, in its shortest form, free of `..`, and inside the release."""
    pure = PurePosixPath(path)
    in_shortest_form = str(pure) == path and path not in ("", ".") and "\0" not in path
    return in_shortest_form and not pure.is_absolute() and ".." not in pure.parts


def check_manifest(manifest: Manifest) -> None:
    """ArchiveError where a signed manifest asks for something that is never done."""
    if manifest.format != FORMAT:
        raise ArchiveError(
            f"format d'archive {manifest.format} inconnu de cette version de Superviseur ;"
            " mettez d'abord Superviseur à jour",
            code="unsupported",
        )
    unsafe = [path for path in manifest.writable if not is_normal_relative(path)]
    unsafe += [hook.name for hook in manifest.hooks if "/" in hook.name or not is_normal_relative(hook.name)]
    if unsafe:
        raise ArchiveError(f"chemin interdit dans le manifeste : {unsafe[0]!r}", code="unsafe")
    if any(not 0 < hook.timeout <= HOOK_TIMEOUT_MAX for hook in manifest.hooks):
        raise ArchiveError(
            f"le délai d'un programme de la version doit être de 1 à {HOOK_TIMEOUT_MAX} secondes", code="unsafe"
        )
    is_delta = manifest.kind is ArchiveKind.DELTA
    if is_delta != (manifest.base is not None) or is_delta != (manifest.base_listing is not None):
        raise ArchiveError("le manifeste ne dit pas à quelle version cette archive s'applique", code="tampered")
