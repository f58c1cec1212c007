"""What the last drill of a backup proved."""

from ospi_supervisor.administration.checks.base import Findings, published
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.drill import PROOF_LABELS, Proof
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.store.topics import DRILLS
from ospi_supervisor.system.clock import utc_now

OLD_DAYS = 62
"""Two months without one, where there is to be one a month."""


def drills(config: Config, _: Adapters) -> Findings:
    """The newest certificate: a failure is an error, what could not be proven or is old a warning."""
    known = published(config, DRILLS)
    newest = next(iter(known.certificates), None) if known else None
    if newest is None:
        return
    again = f"faites une sauvegarde, puis éprouvez-la (« {command_line('backup drill')} »)"
    told = f"épreuve de {newest.snapshot}, le {newest.began_at.astimezone():%d/%m/%Y} : {PROOF_LABELS[newest.proof]}"
    if newest.proof is Proof.FAILED:
        yield Grade.ERROR, f"{told} ({newest.reason}) ; {again}"
    elif newest.proof is not Proof.PROVEN:
        yield Grade.WARNING, f"{told} ({newest.reason})"
    elif config.backup.drill and (utc_now() - newest.began_at).days > OLD_DAYS:
        yield Grade.WARNING, f"{told}, il y a plus de {OLD_DAYS} jours ; {again}"
    else:
        yield Grade.OK, told
