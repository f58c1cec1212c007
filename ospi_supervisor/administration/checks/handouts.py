"""What became of the last backup that was to be handed out."""

from ospi_supervisor.administration.checks.base import Findings, published
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.hands.accounts import account_named
from ospi_supervisor.store.topics import HANDOUTS


def handouts(config: Config, _: Adapters) -> Findings:
    """The account of `after_snapshot` exists, and the command took what it was handed last; BackupError where it does
    not, nothing where there is no such command."""
    if config.backup.after_snapshot is None:
        return
    account_named(config.backup.after_snapshot_account or "")
    known = published(config, HANDOUTS)
    newest = next(iter(known.rows), None) if known else None
    if newest is None:
        return
    told = f"{newest.snapshot}, le {newest.ended_at.astimezone():%d/%m/%Y à %H:%M}"
    if newest.failure is None:
        yield Grade.OK, f"dernière sauvegarde transmise : {told}"
    else:
        by_hand = command_line(f"backup export {newest.snapshot} FICHIER")
        yield (
            Grade.WARNING,
            f"la dernière sauvegarde n'a pas été transmise : {told} ({newest.failure}) ; corrigez la commande"
            f" « backup.after_snapshot » ; transmettez celle-ci à la main (« {by_hand} »)",
        )
