"""The signed manifest of an update archive: what the release is and what it asks for.

The types here are plain; `archive.manifest` decodes the JSON into them.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import PurePosixPath

from ospi_supervisor.domain.versions import can_follow, satisfies
from ospi_supervisor.errors import ArchiveError, RefusedError

FORMAT = 2
"""The newest that is read. An archive says 1 where it needs nothing that came later; 2: long files are assembled."""

OWN_PRODUCT = "ospi-supervisor"
"""The product of this very program's archives."""

HOOK_TIMEOUT_MAX = 7 * 24 * 3600
"""Seconds."""

ENTRIES_MAX = 400_000
"""The most paths that a release may have: what an installer holds in memory grows with them."""

BYTES_MAX = 2**53 - 1
"""The greatest length or number that any field may give: what every JSON reader reads exactly."""

_REQUIRES_MAX = 1000  # characters
_REASON_MAX = 300

_SYSTEM = re.compile(r"(?!.*-[0-9]+\.)[a-z0-9._-]+")
"""`ID` or `ID-MAJOR` of os-release."""

_VULNERABILITY = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}|GHSA(-[0-9a-z]{4}){3}")


class ArchiveKind(StrEnum):
    """How an archive holds its release."""

    FULL = "full"
    DELTA = "delta"


class HookPhase(StrEnum):
    """The phases that a release may bring hooks for."""

    STAGE = "stage"
    MIGRATE = "migrate"


class Severity(StrEnum):
    """How grave the worst of what a security release mends is, in CVSS's words."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


SEVERITY_LABELS = {
    Severity.LOW: "faible",
    Severity.MEDIUM: "moyenne",
    Severity.HIGH: "élevée",
    Severity.CRITICAL: "critique",
}


@dataclass(frozen=True, kw_only=True)
class Hook:
    """An executable `hooks/NAME` of the release; `timeout` is in seconds; `title` is shown in Suivi.

    `not_rehearsed` says why it must not be played in a rehearsal; empty where it may be.
    """

    phase: HookPhase
    name: str
    timeout: int
    title: str
    not_rehearsed: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What one archive says of itself, under signature.

    `requires` is a version condition on the installed platform; `os` lists identifiers of os-release
    (`ID` or `ID` and major version, as `centos-7`), none meaning any; `writable` lists folders of the
    release that hooks may write in; `unpacked_bytes` and `entries` bound what an installer will write;
    `base` is the release that a delta applies to, `base_listing` the sha256, in hexadecimal, of its paths' listing.
    `severity` is None where nothing that can be attacked is mended; `fixes` names vulnerabilities (`CVE-2026-1234`);
    `support_until` is the last day on which the vendor answers for this release. `hooks_bytes` is how much the hooks of
    `stage` write in the release at most, 0 where the vendor did not say. `supervisor` is a condition on the version of
    the supervisor that installs it, such as `>=0.3.0`; empty where any will do.
    """

    product: str
    version: str
    kind: ArchiveKind = ArchiveKind.FULL
    requires: str = ">=10.0.0"
    format: int = 1
    os: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    writable: tuple[str, ...] = ()
    entries: int = 0
    unpacked_bytes: int = 0
    base: str | None = None
    base_listing: str | None = None
    severity: Severity | None = None
    fixes: tuple[str, ...] = ()
    support_until: date | None = None
    hooks_bytes: int = 0
    supervisor: str = ""

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
    severity: Severity | None = None
    fixes: tuple[str, ...] = ()
    support_until: date | None = None
    has_sbom: bool = False


def is_normal_relative(path: str) -> bool:
    """Whether `path` is relative, in its shortest form, free of `..`, and inside the release."""
    pure = PurePosixPath(path)
    in_shortest_form = str(pure) == path and path not in ("", ".") and "\0" not in path
    return in_shortest_form and not pure.is_absolute() and ".." not in pure.parts


def check_manifest(manifest: Manifest) -> None:
    """ArchiveError where a signed manifest asks for something that is never done."""
    if not 1 <= manifest.format <= FORMAT:
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
    if any(len(hook.not_rehearsed) > _REASON_MAX for hook in manifest.hooks):
        raise ArchiveError(f"le motif pour ne pas répéter un programme dépasse {_REASON_MAX} caractères", code="unsafe")
    _check_bounds(manifest)
    if manifest.hooks_bytes < 0:
        raise ArchiveError("le manifeste annonce une place négative pour ses programmes", code="unsafe")
    is_delta = manifest.kind is ArchiveKind.DELTA
    if is_delta != (manifest.base is not None) or is_delta != (manifest.base_listing is not None):
        raise ArchiveError("le manifeste ne dit pas à quelle version cette archive s'applique", code="tampered")


def check_possible(manifest: Manifest) -> None:
    """ArchiveError where no server can meet what `manifest` asks: refused before the gigabytes are sent."""
    try:
        satisfies("0", manifest.supervisor)
        possible = not manifest.version or can_follow(manifest.version, manifest.requires)
    except RefusedError as error:
        raise ArchiveError(str(error), code="unsafe") from error
    if not possible:
        raise ArchiveError(
            f"la version {manifest.version} demande « {manifest.requires} » : aucune version plus ancienne qu'elle n'y"
            " répond, personne ne pourrait l'installer",
            code="unsafe",
        )
    odd = [name for name in manifest.os if not _SYSTEM.fullmatch(name)]
    if odd:
        raise ArchiveError(
            f"« {odd[0]} » n'est pas un système : attendu l'identifiant d'os-release, et la version majeure au plus"
            " (rocky, centos-7)",
            code="unsafe",
        )
    unknown = [name for name in manifest.fixes if not _VULNERABILITY.fullmatch(name)]
    if unknown:
        raise ArchiveError(
            f"« {unknown[0][:40]} » n'est pas une vulnérabilité (attendu par exemple CVE-2026-1234)", code="unsafe"
        )
    names = [hook.name for hook in manifest.hooks]
    if len(set(names)) < len(names):
        raise ArchiveError("un même programme de la version est annoncé deux fois", code="unsafe")


def _check_bounds(manifest: Manifest) -> None:
    """What the manifest announces bounds what an installer reads and writes, and is bounded itself."""
    if not 0 <= manifest.entries <= ENTRIES_MAX:
        raise ArchiveError(
            f"la version annonce {manifest.entries} fichiers et dossiers ; {ENTRIES_MAX} au plus sont acceptés :"
            " prévenez le support",
            code="unsafe",
        )
    if (
        not 0 <= manifest.unpacked_bytes <= BYTES_MAX
        or max(len(manifest.requires), len(manifest.supervisor)) > _REQUIRES_MAX
    ):
        raise ArchiveError("le manifeste annonce une longueur impossible ; prévenez le support", code="unsafe")
