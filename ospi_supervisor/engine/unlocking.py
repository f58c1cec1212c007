"""The support's release of a version that failed here (engine rule 8), judged by the worker alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.domain.events import EventData, EventKind, Level
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.unlock import Challenge, decode_code
from ospi_supervisor.errors import BusyError, RefusedError
from ospi_supervisor.store.engine_rows import StoredLock
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.pardons import Pardons


@dataclass(frozen=True)
class Unlocking:
    """`is_signed` says whether a signature is the support's of a text; None where no key of theirs is configured.

    `find_trouble` says in words what keeps the platform from being well on the release that it names as its own;
    None where release and health agree.
    """

    store: EngineStore
    is_signed: Callable[[bytes, bytes], bool] | None
    find_trouble: Callable[[], str | None]

    def look(self) -> str | None:
        """The platform's trouble where an update awaits an intervention. It may take seconds: hold nothing."""
        return None if self.store.awaiting_intervention() is None else self.find_trouble()

    def release(self, code: str, by: str, trouble: str | None, now: datetime) -> int:
        """Release the failure that `code` was made for; its update's number. Nothing is left to do where that was
        released, and the version did not fail again since: a code given twice is no error.

        RefusedError where the code proves nothing, was used, or would let a platform in `trouble` be updated.
        """
        signature = decode_code(code)
        if (refused := self._pardoned(signature, by, now)) is not None:
            return refused
        lock = self._lock_of(signature)
        if lock.released:
            if self.store.locked_by(lock.product, lock.version) is None:
                return lock.update_id
            raise RefusedError("ce code a déjà servi ; il ne sert qu'une fois", code="used")
        update = self.store.load(lock.update_id)
        if update is None or not update.status.is_final:
            raise BusyError(f"la mise à jour n° {lock.update_id} est en cours ; attendez sa fin")
        if update.status is UpdateStatus.INTERVENTION and trouble is not None:
            raise RefusedError(
                f"le code est bon, mais la plateforme n'est pas en état : {trouble} ; remettez-la en état avec le"
                " support, puis donnez de nouveau ce code",
                code="unsound",
            )
        self.store.release_lock(lock.id, by, now)
        message = f"Version {lock.version} débloquée par le code du support, donné par {by}."
        data: EventData = {"level": Level.WARNING.value, "message": message}
        self.store.add_event(update.id, EventKind.LOG, update.failed_phase or Phase.VERIFY, now, data)
        return update.id

    def _pardoned(self, signature: bytes, by: str, now: datetime) -> int | None:
        """The update whose refusal in its rehearsal that signature lets pass once; None where it answers another."""
        pardons = Pardons(self.store)
        signed = self.is_signed or (lambda *_: False)
        for challenge in pardons.challenges():
            if signed(challenge.signed_text, signature):
                if pardons.grant(challenge.update_id, by):
                    version = challenge.version
                    words = f"Une répétition de la version {version} sera passée : code du support, donné par {by}."
                    data: EventData = {"level": Level.WARNING.value, "message": words}
                    self.store.add_event(challenge.update_id, EventKind.LOG, Phase.REHEARSE, now, data)
                return challenge.update_id
        return None

    def _lock_of(self, signature: bytes) -> StoredLock:
        if self.is_signed is None:
            raise RefusedError(
                "la clé publique du support manque sur ce serveur (trust.support_key) ; demandez-la au support",
                code="no_key",
            )
        for lock in self.store.locks():
            if self.is_signed(challenge_of(lock).signed_text, signature):
                return lock
        raise RefusedError(
            "ce code ne répond à aucune demande de ce serveur ; envoyez au support la demande affichée, et collez en"
            " entier le code reçu",
            code="code",
        )


def challenge_of(lock: StoredLock) -> Challenge:
    """What the support is asked to sign for that lock."""
    return Challenge(product=lock.product, version=lock.version, update_id=lock.update_id, nonce=lock.nonce)
