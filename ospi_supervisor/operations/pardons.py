"""What the support may be asked to let pass: a rehearsal that refused an update."""

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.unlock import Challenge
from ospi_supervisor.store.engine_reader import EngineReader

LOOKED_AT = 50
"""Of the updates, the newest."""


def refused_rehearsals(reader: EngineReader, product: str) -> list[str]:
    """The text to send to the support for each refusal that was not let pass yet, the newest first."""
    found = []
    for update in reader.updates(LOOKED_AT):
        verdict = reader.rehearsal(update["id"]) if update["status"] == UpdateStatus.REFUSED else None
        if verdict is not None and verdict.nonce and not verdict.pardoned_by:
            number, version = update["id"], str(update["to"])
            found.append(str(Challenge(product=product, version=version, update_id=number, nonce=verdict.nonce)))
    return found
