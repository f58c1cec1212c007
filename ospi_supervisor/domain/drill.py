"""The drill of a backup: what it proved, as a certificate, and when the month's is due."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from ospi_supervisor.domain.rehearsal import Outcome, Step, Verdict
from ospi_supervisor.domain.schedule import INSTALL_WINDOW, START_WINDOW, NightlyPlan
from ospi_supervisor.domain.words import counted, number, size
from ospi_supervisor.errors import printable

CERTIFICATES_KEPT = 24
"""Two years of nights."""
NIGHTLY = "contrôle mensuel"
"""Who asks for the month's."""


class Proof(StrEnum):
    """What a drill proved of a backup."""

    PROVEN = "proven"
    """Loaded whole, its release started on it and was well."""
    LOADED = "loaded"
    """Loaded whole; its release could not be started beside the platform."""
    FAILED = "failed"
    """Damaged, not to be loaded, or its release was not well on it."""
    NOT_DRILLED = "not_drilled"
    """This machine could not try."""


PROOF_LABELS = {
    Proof.PROVEN: "éprouvée",
    Proof.LOADED: "rechargée",
    Proof.FAILED: "échec",
    Proof.NOT_DRILLED: "non éprouvée",
}
STEP_LABELS = {
    Outcome.REHEARSED: "réussi",
    Outcome.NOT_REHEARSED: "non joué",
    Outcome.REFUSED: "échec",
}
PROOF_SENTENCES = {
    Proof.PROVEN: "Rechargée en entier à côté de la plateforme, où sa version a démarré et répondu",
    Proof.LOADED: "Rechargée en entier à côté de la plateforme, sans que sa version ait pu y être démarrée",
    Proof.FAILED: "Cette sauvegarde ne ramènerait pas la plateforme",
    Proof.NOT_DRILLED: "Ce serveur n'a pas pu l'essayer",
}


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a twin made of a backup said: `rows` are those of each table, by database. `loaded` says that all of it was,
    `unusable` that the backup itself is at fault, not the twin."""

    verdict: Verdict
    loaded: bool = False
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unusable: bool = False

    def after(self, step: Step) -> "Played":
        """The same, with a step before."""
        return replace(self, verdict=replace(self.verdict, steps=(step, *self.verdict.steps)))

    @property
    def proof(self) -> Proof:
        """What it proved."""
        if self.unusable or self.verdict.outcome is Outcome.REFUSED:
            return Proof.FAILED
        if self.verdict.outcome is Outcome.REHEARSED:
            return Proof.PROVEN
        return Proof.LOADED if self.loaded else Proof.NOT_DRILLED


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was proven of a backup, when and how. `hashes` are those that its files were held against, by name; sizes in
    bytes, `data_bytes` before compression."""

    format: int = 1
    platform: str
    product: str
    server: str
    supervisor: str
    requested_by: str
    snapshot: str
    taken_at: datetime
    release: str
    files: int
    data_bytes: int
    size: int
    began_at: datetime
    seconds: float
    proof: Proof
    reason: str = ""
    steps: Sequence[Step] = ()
    limits: Sequence[str] = ()
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells it from others, in an address."""
        return f"{self.began_at:%Y%m%d-%H%M%S}"


def due_drill(plan: NightlyPlan, now: datetime, last: datetime | None, tried: date | None) -> date | None:
    """The night whose hours have come, where the month has no drill yet; None else.

    `last` is when the last one began that came to its end, `tried` the night of the last try: there is one a night. It
    comes after the automatic update, and begins no later than that would.
    """
    local = now.astimezone(plan.zone)
    for night in (local.date() - timedelta(days=1), local.date()):
        start = plan.start_of(night)
        if start + START_WINDOW <= now < start + INSTALL_WINDOW and tried != night:
            month = None if last is None else last.astimezone(plan.zone).strftime("%Y-%m")
            return None if month == f"{night:%Y-%m}" else night
    return None


def lines_of(certificate: Certificate, *, short: bool = False) -> Iterator[str]:
    """The certificate as lines of text, to print and to file; `short` without tables and hashes.

    Whatever names stand in it, no terminal is driven by them.
    """
    yield from map(printable, _lines(certificate))
    if not short:
        yield from map(printable, _details_of(certificate))


def _lines(certificate: Certificate) -> Iterator[str]:
    yield f"Certificat d'épreuve de sauvegarde : {PROOF_LABELS[certificate.proof]}"
    yield f"{PROOF_SENTENCES[certificate.proof]}{' : ' + certificate.reason if certificate.reason else ''}."
    yield ""
    yield f"Plateforme : {certificate.platform} ({certificate.product}), serveur {certificate.server}"
    yield (
        f"Sauvegarde : {certificate.snapshot}, prise le {_instant(certificate.taken_at)}, version {certificate.release}"
    )
    yield (
        f"Contenu : {counted(certificate.files, 'fichier', 'fichiers')}, {size(certificate.data_bytes)} ;"
        f" {size(certificate.size)} sur le disque des sauvegardes"
    )
    lasted = number(certificate.seconds)
    yield f"Épreuve : le {_instant(certificate.began_at)}, {lasted} s, par {certificate.requested_by}"
    yield f"Superviseur OSPI {certificate.supervisor}"
    yield ""
    for step in certificate.steps:
        why = f" : {step.reason}" if step.reason else ""
        yield f"- {step.title} : {STEP_LABELS[step.outcome]}, {number(step.seconds)} s{why}"
    yield from (f"- {limit}" for limit in certificate.limits)


def _details_of(certificate: Certificate) -> Iterator[str]:
    for base, tables in certificate.rows.items():
        yield ""
        yield f"Base « {base} » : {counted(sum(tables.values()), 'ligne', 'lignes')}"
        yield from (f"  {table} : {rows}" for table, rows in tables.items())
    if certificate.hashes:
        yield ""
        yield "Empreintes (sha256) relues :"
        yield from (f"  {digest}  {name}" for name, digest in certificate.hashes.items())


def _instant(at: datetime) -> str:
    return f"{at.astimezone():%d/%m/%Y à %H:%M:%S}"
