"""What the worker would publish of backups and their drills."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ospi_supervisor.domain.drill import Certificate, Proof
from ospi_supervisor.domain.rehearsal import Outcome, Step
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import BACKUPS, DRILLS, BackupRow, BackupsDocument, DrillsDocument
from tests.support.site import Site, now

STEPS = (
    Step(title="Relecture de la sauvegarde", outcome=Outcome.REHEARSED, seconds=1.5),
    Step(title="Double de la plateforme", outcome=Outcome.REHEARSED, seconds=7.25),
    Step(title="Démarrage des services", outcome=Outcome.REHEARSED, seconds=1.2, phase="start"),
    Step(title="Contrôle de la plateforme", outcome=Outcome.REHEARSED, seconds=2.25, phase="health"),
)
CERTIFICATE = Certificate(
    platform="Portail BI",
    product="portail-bi",
    server="srv-dim",
    supervisor="0.2.0",
    requested_by="contrôle mensuel",
    snapshot="update-7-full",
    taken_at=datetime(2026, 3, 9, 23, 10, tzinfo=UTC),
    release="11.5.0",
    files=3,
    data_bytes=2_000_000,
    size=1_000_000,
    began_at=datetime(2026, 3, 10, 1, 30, tzinfo=UTC),
    seconds=12.5,
    proof=Proof.PROVEN,
    steps=STEPS,
    rows={"pmsi": {"public.sejour": 20_000}},
    hashes={"update-7-full/fichiers.tar.zst": "ab" * 32, "update-7-full/bases/pmsi.pgdump/toc.dat": "cd" * 32},
)
WHY = "base « pmsi » : la sauvegarde ne se recharge pas : table sejour"
FAILED = replace(
    CERTIFICATE, proof=Proof.FAILED, reason=WHY, began_at=CERTIFICATE.began_at + timedelta(days=31), rows={}
)
PATH = f"sauvegardes/epreuves/{CERTIFICATE.key}"


def publish(site: Site, *certificates: Certificate, at_work: str | None = None) -> None:
    """What the worker would."""
    row = BackupRow(
        id="update-7-full", taken_at=CERTIFICATE.taken_at, release="11.5.0", base=None, size=9, data_bytes=9
    )
    backups = BackupsDocument(snapshots=[row], unusable=[], at_work=False, free=1, total=2)
    PublishedStore(site.engine).publish(BACKUPS, backups, now())
    drills = DrillsDocument(certificates=certificates, at_work=at_work)
    PublishedStore(site.engine).publish(DRILLS, drills, now())
