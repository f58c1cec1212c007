"""`make bench` (`python -m benchmarks all`): each promise on speed beside its peer, in one session on one input.

Peers are Debian's own packages. What touches a disk does so on a journaled ext4 of its own, made anew. Ours and the
peer's runs alternate. Writes `docs/performance.md`.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import pages, site, streams, swupdate, tools
from benchmarks.disk import fresh_disk
from benchmarks.pairs import HEAD, Cost, Row
from ospi_supervisor.platform.hook_output import Kept
from tests.platform.test_hook_output import SCRIPTS, compare

RESULTS = Path(__file__).parents[1] / "docs" / "performance.md"
PROOF_LIMIT = "le processeur : tout est relu, haché et prouvé fichier par fichier, après les durées fixes de la ligne 5"
PHASES_LIMIT = "quinze phases, chacune durable avant la suivante, et le service arrêté puis relancé"
SERVICE_LIMIT = "l'arrêt tenu à travers un redémarrage, l'état sauvegardé et deux questions à la plateforme"


@dataclass(frozen=True)
class Session:
    """What the measures share: how large they are, and how one update is measured (`benchmarks.__main__`)."""

    inputs: Any
    tiny: Any
    other: Path
    image: Path
    pairs: int
    long_megabytes: int
    history: pages.History
    update: Callable[..., Any]


def main(session: Session) -> int:
    """Measure every row, print each as soon as it is known, and write the page."""
    tools.install_missing()
    print(HEAD, flush=True)
    rows = []
    for row in _rows(session):
        rows.append(row)
        print(row.line(), flush=True)
    tables = [_pages_table(session), streams.report(streams.measure())]
    print("\n\n".join(tables))
    RESULTS.write_text(_page(session, rows, tables), encoding="utf-8")
    return 0


def _rows(session: Session) -> Iterator[Row]:
    yield from _update_rows(session, session.other, "entière", 1.1)
    yield from _update_rows(session, session.inputs.first, "4 % changés", 0.5)
    yield _delta_row(session)
    results = [session.update(session.tiny, session.tiny.first, reference_first=False) for _ in range(session.pairs)]
    limit = [Cost(0.9)] * len(results)
    whole = [Cost(one.whole, one.processor) for one in results]
    yield Row("5", "petite mise à jour, toutes phases", "0,9 s", 1.0, whole, limit, reason=PHASES_LIMIT)
    with fresh_disk(session.image) as disk:
        folder = disk / "vendor"
        folder.mkdir()
        keys = tools.make_keys(folder)
        yield from tools.release_rows(folder, keys, session.inputs.first, session.inputs.second, session.pairs)
        yield tools.long_file_row(folder / "long", keys, session.long_megabytes)
        (disk / "site").mkdir()
        with site.running(disk / "site", session.inputs.trust, session.other) as server:
            yield from tools.shell_rows(server.config, session.pairs)
            yield from tools.backup_rows(server, session.inputs.first, disk, session.pairs)
    yield _hook_row(session.pairs)


def _update_rows(session: Session, installed: Path, title: str, goal: float) -> Iterator[Row]:
    """Rows 1 to 4: one update beside nginx, `tar` and SWUpdate, which get the same tree."""
    results, staged, streamed, checks = [], [], [], []
    for number in range(session.pairs):
        results.append(session.update(session.inputs, installed, reference_first=number % 2 == 0))
        staged.append(_swupdate(session, streamed=False))
        streamed.append(_swupdate(session, streamed=True))
        checks.append(_swupdate(session, "--check", streamed=False))
    totals = [Cost(one.total, one.processor, one.family_peak, one.worker_written) for one in results]
    sent = [Cost(one.upload, 0.0, one.web_peak, one.web_written) for one in results]
    yield Row(
        "1",
        f"envoi et preuve, {title}",
        "curl → nginx PUT, `sync`",
        1.6,
        sent,
        [Cost(one.reference.upload + one.reference.sync) for one in results],
        reason=PROOF_LIMIT,
    )
    checked = [Cost(one.reference.upload + cost.seconds) for one, cost in zip(results, checks, strict=True)]
    yield Row("1", f"envoi et preuve, {title}", "curl, `swupdate --check`", 0.6, sent, checked, reason=PROOF_LIMIT)
    for name, found, aim in (("par flux", streamed, goal), ("mis de côté", staged, goal)):
        peer = [
            Cost(one.reference.upload + cost.seconds, cost.processor, cost.memory, cost.written)
            for one, cost in zip(results, found, strict=True)
        ]
        yield Row(
            "2, 3",
            f"envoi à préparation durable, {title}",
            f"curl, SWUpdate {name}",
            aim,
            totals,
            peer,
            reason=PROOF_LIMIT,
        )
    down, limit = ([Cost(one.downtime) for one in results], [Cost(one.restart + 0.3) for one in results])
    yield Row("4", f"interruption, {title}", "celle du service et 0,3 s", 1.0, down, limit, reason=SERVICE_LIMIT)


def _delta_row(session: Session) -> Row:
    """Row 3: the same update by a delta, beside the whole tree, which is all that SWUpdate takes by itself."""
    inputs = session.inputs
    smaller = replace(inputs, archive=tools.delta_of(inputs.archive.parent, inputs.first, inputs.archive))
    ours, peer = [], []
    for number in range(session.pairs):
        one = session.update(smaller, inputs.first, reference_first=number % 2 == 0)
        cost = _swupdate(session, streamed=True)
        ours.append(Cost(one.total, one.processor, one.family_peak, one.worker_written))
        peer.append(Cost(one.reference.upload + cost.seconds, cost.processor, cost.memory, cost.written))
    return Row(
        "3",
        "envoi à préparation durable, différentielle de 4 %",
        "curl, SWUpdate par flux",
        0.3,
        ours,
        peer,
        reason=PROOF_LIMIT,
    )


def _swupdate(session: Session, *options: str, streamed: bool) -> Cost:
    with fresh_disk(session.image) as disk:
        target = disk / "target"
        command = swupdate.make(session.inputs.tarball, target, disk / "swupdate", streamed=streamed)
        return tools.swupdate_cost([*command, *options], target)


def _hook_row(pairs: int) -> Row:
    """Row 7, in processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        found = [compare(SCRIPTS["a million lines"], Kept(), Path(folder)) for _ in range(pairs)]
    ours, file = ([Cost(0.0, seconds) for seconds in column] for column in zip(*found, strict=True))
    return Row(
        "7",
        "un script de 1 000 000 lignes (processeur)",
        "vers un fichier",
        3.0,
        ours,
        file,
        of=lambda one: one.processor,
    )


def _pages_table(session: Session) -> str:
    """Row 8."""
    with ExitStack() as stack:
        return pages.report(pages.measured(stack, session.history), session.history)


def _page(session: Session, rows: list[Row], tables: list[str]) -> str:
    size = sum(path.stat().st_size for path in session.inputs.second.rglob("*") if path.is_file())
    count = sum(path.is_file() for path in session.inputs.second.rglob("*"))
    missed = [row for row in rows if row.ratio > row.goal]
    return f"""# Performance

Écrit par `make bench` le {datetime.now(UTC):%d/%m/%Y}, sur {os.cpu_count()} cœurs (charge {os.getloadavg()[0]:.1f}
à la fin), Python {sys.version.split()[0]} : {count} fichiers, {size / 1e6:.0f} Mo, {session.pairs} paires alternées,
médianes ; le rapport est la médiane de ceux des paires. Les concurrents sont les paquets de Debian, sur la même entrée
et un ext4 journalisé neuf. Chaque case donne secondes, secondes de processeur, mégaoctets de mémoire (enfants
compris) et écrits ; 0 : n'est pas mesuré. La pointe du processus web (1) compte les 32 Mio que scrypt prend pendant une
connexion.

{HEAD}
{os.linesep.join(row.line() for row in rows)}

{len(rows) - len(missed)} buts sur {len(rows)} sont atteints dans ce passage.

## Les pages après une longue histoire (8)

{tables[0]}

## Suivi (12)

{tables[1]}
"""
