"""The prerequisites of an update (the seed, « Prérequis pour l'installation de la mise à jour »), as pure rules."""

from dataclasses import dataclass, field
from enum import StrEnum

from ospi_supervisor.domain.systems import os_matches
from ospi_supervisor.domain.versions import in_words, satisfies, tightest
from ospi_supervisor.domain.words import number, size

GB = 1_000_000_000
MB = 1_000_000


class Verdict(StrEnum):
    """The judgement of one rule."""

    OK = "ok"
    WARNING = "warning"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where the rules refuse and warn: logical cores, decimal GB, percent. The defaults are the seed's."""

    cores: int = 4
    cores_advised: int = 8
    memory_gb: float = 8
    memory_gb_advised: float = 16
    free_disk_percent: float = 30
    platform_version: str = "10.0.0"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """One file system that the update uses. `free` is what an ordinary account may still write, in bytes.

    `role` says what for (« plateforme », « données », « sauvegardes », « état »), and `needed` how many
    bytes this update will write there at most.
    """

    role: str
    path: str
    free: int
    used: int
    needed: int = 0

    @property
    def free_percent(self) -> float:
        """Free space as `df` counts it: free / (free + used), in percent."""
        total = self.free + self.used
        return 100 * self.free / total if total else 0.0


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """What a look found in the way of an update, in the administrator's words; `rule` is a stable word."""

    rule: str
    label: str
    measured: str
    required: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """What was measured on the machine and the platform. `memory` is in bytes."""

    platform_version: str
    cores: int
    memory: int
    disks: tuple[Disk, ...]
    os_id: str
    os_version: str
    os_name: str
    public_address: str
    public_address_error: str | None = None
    missing_mounts: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What one release asks for beyond the thresholds."""

    version: str = ">=10.0.0"
    os: tuple[str, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One rule's verdict, in the administrator's words."""

    rule: str
    label: str
    measured: str
    required: str
    verdict: Verdict
    remedy: str = ""


def judge(facts: MachineFacts, needs: Requirements, thresholds: Thresholds) -> list[Judgement]:
    """Every rule's verdict, in the order of the seed."""
    return [
        _platform_version(facts, needs, thresholds),
        _cores(facts, thresholds),
        _memory(facts, thresholds),
        *(_free_disk(disk, thresholds) for disk in facts.disks),
        *(_room(disk, thresholds) for disk in facts.disks if disk.needed),
        *(_missing_mount(place) for place in facts.missing_mounts),
        *(_obstacle(found) for found in facts.obstacles),
        _public_address(facts),
        _operating_system(facts, needs),
    ]


def is_refused(judgements: list[Judgement]) -> bool:
    """Whether at least one rule refuses the update."""
    return any(judgement.verdict is Verdict.REFUSED for judgement in judgements)


def _grade(value: float, minimum: float, advised: float) -> Verdict:
    if value < minimum:
        return Verdict.REFUSED
    return Verdict.WARNING if value < advised else Verdict.OK


def _platform_version(facts: MachineFacts, needs: Requirements, thresholds: Thresholds) -> Judgement:
    requirement = tightest(f">={thresholds.platform_version}", needs.version)
    ok = satisfies(facts.platform_version, requirement)
    return Judgement(
        rule="platform_version",
        label="Version de la plateforme",
        measured=facts.platform_version,
        required=in_words(requirement),
        verdict=Verdict.OK if ok else Verdict.REFUSED,
        remedy="" if ok else "Installez d'abord une version intermédiaire ; le support vous indiquera laquelle.",
    )


def _cores(facts: MachineFacts, thresholds: Thresholds) -> Judgement:
    verdict = _grade(facts.cores, thresholds.cores, thresholds.cores_advised)
    return Judgement(
        rule="cores",
        label="Cœurs de processeur",
        measured=str(facts.cores),
        required=f"{thresholds.cores} ({thresholds.cores_advised} préconisés)",
        verdict=verdict,
        remedy="" if verdict is Verdict.OK else "Attribuez davantage de cœurs au serveur.",
    )


def _memory(facts: MachineFacts, thresholds: Thresholds) -> Judgement:
    # Decimal gigabytes: a machine sold with 8 GB reports a little less than 8 GiB, and must pass.
    gigabytes = facts.memory / GB
    verdict = _grade(gigabytes, thresholds.memory_gb, thresholds.memory_gb_advised)
    return Judgement(
        rule="memory",
        label="Mémoire vive",
        measured=f"{number(gigabytes)} Go",
        required=f"{number(thresholds.memory_gb)} Go ({number(thresholds.memory_gb_advised)} préconisés)",
        verdict=verdict,
        remedy="" if verdict is Verdict.OK else "Augmentez la mémoire vive du serveur.",
    )


def _free_disk(disk: Disk, thresholds: Thresholds) -> Judgement:
    ok = disk.free_percent >= thresholds.free_disk_percent
    return Judgement(
        rule="free_disk",
        label=f"Espace disque libre ({disk.role})",
        measured=f"{number(disk.free_percent)} % libres ({disk.path})",
        required=f"{number(thresholds.free_disk_percent)} %",
        verdict=Verdict.OK if ok else Verdict.REFUSED,
        remedy="" if ok else f"Libérez de l'espace sur le disque qui porte {disk.path}, ou agrandissez-le.",
    )


def _room(disk: Disk, thresholds: Thresholds) -> Judgement:
    """What the update writes comes on top of the free part: so both rules still hold once it has written it."""
    required = disk.needed + (disk.free + disk.used) * thresholds.free_disk_percent / 100
    ok = disk.free >= required
    return Judgement(
        rule="room",
        label=f"Place pour cette mise à jour ({disk.role})",
        measured=f"{size(disk.free)} libres ({disk.path})",
        required=f"{size(disk.needed)} en plus des {number(thresholds.free_disk_percent)} %, soit {size(required)}",
        verdict=Verdict.OK if ok else Verdict.REFUSED,
        remedy="" if ok else f"Libérez de l'espace sur le disque qui porte {disk.path}, ou agrandissez-le.",
    )


def _missing_mount(place: str) -> Judgement:
    """A disk that did not come: what lies in its place is neither the platform nor its data."""
    return Judgement(
        rule="mounts",
        label=f"Disque monté sur {place}",
        measured="absent",
        required="monté, comme le déclare /etc/fstab",
        verdict=Verdict.REFUSED,
        remedy=f"Montez ce disque (« mount {place} »), puis vérifiez que la plateforme montre bien ses données.",
    )


def _obstacle(found: Obstacle) -> Judgement:
    """Known by a look, it refuses: nothing has changed yet, and nothing locks."""
    return Judgement(
        rule=found.rule,
        label=found.label,
        measured=found.measured,
        required=found.required,
        verdict=Verdict.REFUSED,
        remedy=found.remedy,
    )


def _public_address(facts: MachineFacts) -> Judgement:
    error = facts.public_address_error
    return Judgement(
        rule="public_address",
        label="Adresse publique de la plateforme",
        measured="la plateforme répond" if error is None else error,
        required=f"réponse de {facts.public_address}",
        verdict=Verdict.OK if error is None else Verdict.REFUSED,
        remedy="" if error is None else "Vérifiez que la plateforme est démarrée et son adresse joignable du serveur.",
    )


def _operating_system(facts: MachineFacts, needs: Requirements) -> Judgement:
    ok = os_matches(needs.os, facts.os_id, facts.os_version)
    return Judgement(
        rule="operating_system",
        label="Système d'exploitation",
        measured=facts.os_name,
        required=", ".join(needs.os) or "aucune exigence",
        verdict=Verdict.OK if ok else Verdict.REFUSED,
        remedy="" if ok else "Cette version n'est pas prévue pour ce système ; contactez le support.",
    )
