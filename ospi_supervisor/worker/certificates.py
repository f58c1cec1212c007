"""One drill of a backup, from its reading to its certificate; and the mail of one that failed."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from ospi_supervisor import __version__
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.drill import Certificate, Played, lines_of
from ospi_supervisor.domain.rehearsal import Outcome, Step, Verdict
from ospi_supervisor.worker.notifications import FOOT, letter

READ = "Relecture de la sauvegarde"

Play = Callable[[Snapshot, Callable[[], None]], Played]
"""Makes a twin of a snapshot and starts its release there; it calls what it is given several times a second."""


@dataclass(frozen=True)
class Drilling:
    """Proves snapshots by what is done with them: they are read, then `play`ed."""

    config: Config
    snapshots: Snapshots
    play: Play
    clock: Callable[[], datetime]

    def drill(self, snapshot: Snapshot, by: str, tick: Callable[[], None]) -> Certificate:
        """The certificate of `snapshot`, asked for by `by`. What `tick` raises ends the drill: nothing is left."""
        began_at, began = self.clock(), time.monotonic()
        problems = self.snapshots.verify(snapshot.id, lambda _: tick())
        spent = time.monotonic() - began
        if problems:
            played = _damaged(problems[0], spent)
        else:
            read = Step(title=READ, outcome=Outcome.REHEARSED, seconds=round(spent, 3), bytes=snapshot.size)
            played = self.play(snapshot, tick).after(read)
        chain = [one for one in self.snapshots.list() if one.id in (snapshot.base, snapshot.id)]
        return Certificate(
            platform=self.config.platform.name,
            product=self.config.platform.product,
            server=socket.gethostname(),
            supervisor=__version__,
            requested_by=by,
            snapshot=snapshot.id,
            taken_at=snapshot.taken_at,
            release=snapshot.release,
            files=snapshot.files,
            data_bytes=snapshot.data_bytes,
            size=sum(one.size for one in chain),
            began_at=began_at,
            seconds=round(time.monotonic() - began, 3),
            proof=played.proof,
            reason=played.verdict.reason,
            steps=played.verdict.steps,
            limits=played.verdict.limits,
            rows=played.rows,
            hashes={
                f"{one.id}/{name}": part.sha256 for one in chain for name, part in one.parts.items() if part.sha256
            },
        )


def failure_letter(config: Config, certificate: Certificate, now: datetime) -> EmailMessage:
    """The message that tells that a drill failed; without secrets."""
    lines = [
        "L'épreuve d'une sauvegarde a échoué : elle ne ramènerait pas la plateforme. Vos utilisateurs n'ont rien vu.",
        "Faites une sauvegarde (« Sauvegarder maintenant »), puis éprouvez-la ; si elle échoue aussi, appelez le"
        f" support : {config.support.phone}, {config.support.email}.\n",
        *lines_of(certificate, short=True),
        f"\nLe certificat : {config.supervisor_address}/sauvegardes/epreuves/{certificate.key}",
        f"\n{FOOT}",
    ]
    title = f"{config.platform.name}, épreuve de la sauvegarde {certificate.snapshot} : échec"
    return letter(config, title, "\n".join(lines), now)


def _damaged(why: str, seconds: float) -> Played:
    step = Step(title=READ, outcome=Outcome.REFUSED, seconds=round(seconds, 3), reason=why)
    return Played(verdict=Verdict(outcome=Outcome.REFUSED, reason=why, steps=(step,)), unusable=True)
