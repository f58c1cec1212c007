"""The rehearsals that refused an update, and those of them that the support lets pass: in the phase's own facts."""

from collections.abc import Mapping
from typing import Any

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.rehearsal import Verdict, verdict_of
from ospi_supervisor.domain.unlock import Challenge
from ospi_supervisor.domain.versions import is_same
from ospi_supervisor.store.engine_models import PhaseRecord, Update
from ospi_supervisor.store.engine_store import EngineStore

LOOKED_AT = 50
"""Of the refused updates, the newest."""


class Pardons:
    """One pardon a refusal: the support's code gives it, and one later update to the same version takes it. Raises
    StateError as `EngineStore`."""

    def __init__(self, engine: EngineStore) -> None:
        self._engine = engine

    def challenges(self) -> list[Challenge]:
        """What the support may be asked to let pass, the newest first."""
        return [
            Challenge(product=row["product"], version=row["to_version"], update_id=row["id"], nonce=verdict.nonce)
            for row, verdict in self._refused()
            if verdict.nonce
        ]

    def grant(self, update_id: int, by: str) -> bool:
        """Let that refusal pass once, thanks to that person; False where it was before."""
        with self._engine.transaction():
            facts = self._facts(update_id)
            if facts.get("pardoned_by"):
                return False
            self._engine.set_phase(update_id, Phase.REHEARSE, facts={**facts, "pardoned_by": by})
        return True

    def take(self, product: str, version: str, update_id: int) -> str | None:
        """Who gave the pardon that the update of that number takes, now or before it was cut; None: there is none."""
        with self._engine.transaction():
            for row, verdict in self._refused():
                same = row["product"] == product and is_same(row["to_version"], version)
                if same and verdict.pardoned_by and verdict.taken_by in (0, update_id):
                    facts = {**self._facts(row["id"]), "taken_by": update_id}
                    self._engine.set_phase(row["id"], Phase.REHEARSE, facts=facts)
                    return verdict.pardoned_by
        return None

    def _refused(self) -> list[tuple[Mapping[str, Any], Verdict]]:
        chosen = (Update.status == UpdateStatus.REFUSED) & (Update.failed_phase == Phase.REHEARSE)
        query = Update.select().where(chosen).order_by(Update.id.desc()).limit(LOOKED_AT)
        with self._engine.transaction() as database:
            rows = list(query.dicts().execute(database))
        found = [(row, verdict_of(self._facts(row["id"]))) for row in rows if row["to_version"]]
        return [(row, verdict) for row, verdict in found if verdict is not None]

    def _facts(self, update_id: int) -> Mapping[str, Any]:
        chosen = (PhaseRecord.owner == update_id) & (PhaseRecord.name == Phase.REHEARSE)
        with self._engine.transaction() as database:
            rows = list(PhaseRecord.select(PhaseRecord.facts).where(chosen).dicts().execute(database))
        return dict(rows[0]["facts"]) if rows else {}
