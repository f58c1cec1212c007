"""`web.db` as the program sees it: plain values in, plain frozen values out, one short transaction each.

One connection serves all threads behind a lock: each call takes well under a millisecond, and the web process'
many threads then hold no connection of their own.
"""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from peewee import Database, IntegrityError, ModelDelete

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.database import WritableDatabase
from ospi_supervisor.store.searches import AuditSearch
from ospi_supervisor.store.upload_codec import stored, upload_row
from ospi_supervisor.store.web_models import (
    WEB_FORMAT,
    WEB_MODELS,
    Account,
    Audit,
    Request,
    Session,
    SignInFailure,
    Upload,
    WebModel,
)
from ospi_supervisor.store.web_rows import AccountRow, AuditRow, ImportWish, RequestRow, SessionRow, UploadRow
from ospi_supervisor.system.files import give_to_owner_of_folder
from ospi_supervisor.system.passwords import must_be_replaced

EVERY_LINE = AuditSearch()


class WebStore:
    """`web.db` behind a URL such as `sqlite:////var/lib/ospi-supervisor/web/web.db`; made when absent.

    The models are bound to the store made last: a process has one. Every method raises StateError where the file
    cannot be read or written.
    """

    def __init__(self, url: str) -> None:
        self._database = WritableDatabase(url, WEB_FORMAT, mode=0o600)
        give_to_owner_of_folder(self._database.path)
        self._database.database.bind(WEB_MODELS)

    def close(self) -> None:
        """Close the connection; the store is of no use afterwards."""
        self._database.close()

    def _transaction(self) -> AbstractContextManager[Database]:
        return self._database.transaction()

    def _reading(self) -> AbstractContextManager[None]:
        return self._database.reading()

    # --- accounts ---------------------------------------------------------------------------------------------

    def add_account(self, username: str, password_hash: str, groups: tuple[str, ...], now: datetime) -> None:
        """A new account; RefusedError where the name is taken."""
        try:
            with self._transaction():
                Account.create(username=username, password_hash=password_hash, groups=list(groups), created_at=now)
        except IntegrityError:
            raise RefusedError(f"le compte « {username} » existe déjà", code="exists") from None

    def set_password(self, username: str, password_hash: str) -> None:
        """Another password, which ends the account's sessions; RefusedError where there is no such account."""
        with self._transaction():
            account = _account(username)
            account.password_hash = password_hash
            account.save()
            _delete(Session, Session.account == account)

    def swap_password_hash(self, username: str, old: str, new: str) -> bool:
        """Keep the same password by another hash, its sessions staying; False where it was changed in the meantime."""
        with self._transaction():
            account = Account.get_or_none(Account.username == username)
            if account is None or account.password_hash != old:
                return False
            account.password_hash = new
            account.save()
        return True

    def remove_account(self, username: str) -> None:
        """Remove the account and its sessions; RefusedError where there is none."""
        with self._transaction():
            _account(username).delete_instance(recursive=True)

    def accounts(self) -> list[AccountRow]:
        """Every account, by name."""
        with self._reading():
            return [_account_row(row) for row in Account.select().order_by(Account.username)]

    def password_hash(self, username: str) -> str | None:
        """The hash to hold a password against; None where there is no such account."""
        with self._reading():
            row = Account.get_or_none(Account.username == username)
        return None if row is None else str(row.password_hash)

    # --- sessions and failed sign-ins -------------------------------------------------------------------------

    def open_session(self, username: str, verified_hash: str, token_sha256: str, address: str, now: datetime) -> None:
        """A session of an account whose password was held against `verified_hash`; RefusedError where it has another
        by now. It also notes the sign-in. Failures stay: those of whoever guesses are not forgiven for it."""
        with self._transaction():
            account = _account(username)
            if account.password_hash != verified_hash:
                raise RefusedError(
                    "le mot de passe vient d'être changé ; connectez-vous avec le nouveau", code="credentials"
                )
            Session.create(token_sha256=token_sha256, account=account, created_at=now, seen_at=now, address=address)
            account.last_sign_in_at = now
            account.save()

    def session(self, token_sha256: str) -> SessionRow | None:
        """The session of that token, if it was neither closed nor dropped."""
        with self._reading():
            row = Session.get_or_none(Session.token_sha256 == token_sha256)
            if row is None:
                return None
            return SessionRow(account=_account_row(row.account), created_at=row.created_at, seen_at=row.seen_at)

    def touch_session(self, token_sha256: str, now: datetime) -> None:
        """Note that the session was used."""
        with self._transaction():
            Session.update(seen_at=now).where(Session.token_sha256 == token_sha256).execute()

    def close_session(self, token_sha256: str) -> None:
        """End one session, wherever its cookie was copied to."""
        with self._transaction():
            _delete(Session, Session.token_sha256 == token_sha256)

    def forget_before(self, sessions_unseen_since: datetime, failures_before: datetime) -> None:
        """Drop sessions long unused and failures too old to count."""
        with self._transaction():
            _delete(Session, Session.seen_at < sessions_unseen_since)
            _delete(SignInFailure, SignInFailure.at < failures_before)

    def record_failure(self, username: str, address: str, now: datetime) -> None:
        """A sign-in that failed."""
        with self._transaction():
            SignInFailure.create(username=username, address=address, at=now)

    def failures_from(self, address: str, since: datetime) -> list[datetime]:
        """When sign-ins failed from there since then, the oldest first."""
        return self._failures(since, SignInFailure.address == address)

    def failures_for(self, username: str, since: datetime, left_out: str) -> list[datetime]:
        """When sign-ins failed for that account since then, the oldest first; those from places whose names begin with
        `left_out` aside."""
        return self._failures(since, SignInFailure.username == username, ~SignInFailure.address.startswith(left_out))

    def _failures(self, since: datetime, *conditions: Any) -> list[datetime]:
        with self._reading():
            rows = SignInFailure.select().where(SignInFailure.at >= since, *conditions).order_by(SignInFailure.at)
            return [row.at for row in rows]

    def forgive(self, address: str) -> None:
        """Forget the failures from there."""
        with self._transaction():
            _delete(SignInFailure, SignInFailure.address == address)

    # --- uploads ----------------------------------------------------------------------------------------------

    def add_upload(self, upload: UploadRow) -> None:
        """A new upload."""
        with self._transaction():
            Upload.create(**stored(vars(upload)))

    def upload(self, upload_id: str) -> UploadRow | None:
        """The upload of that identifier."""
        with self._reading():
            row = Upload.get_or_none(Upload.id == upload_id)
        return None if row is None else upload_row(row)

    def change_upload(self, upload_id: str, **changes: object) -> UploadRow:
        """Set some fields; the upload as it is then. RefusedError where it is gone."""
        with self._transaction():
            Upload.update(**stored(changes)).where(Upload.id == upload_id).execute()
            row = Upload.get_or_none(Upload.id == upload_id)
        if row is None:
            raise RefusedError("cet envoi n'existe plus ; recommencez-le", code="unknown")
        return upload_row(row)

    def swap_import_requested(self, old: UploadRow, wanted: ImportWish, **changes: object) -> UploadRow | None:
        """Put `wanted` in the place of what `old` has in `import_requested`, with those changes; the upload as it is
        then. None, and nothing changed, where something else stands there by now: of two callers one succeeds."""
        with self._transaction():
            row = Upload.get_or_none(Upload.id == old.id)
            if row is None or upload_row(row).import_requested != old.import_requested:
                return None
            return self.change_upload(old.id, import_requested=wanted, **changes)

    def remove_upload(self, upload_id: str) -> None:
        """Forget an upload."""
        with self._transaction():
            _delete(Upload, Upload.id == upload_id)

    def uploads(self) -> list[UploadRow]:
        """Every upload, the newest first."""
        with self._reading():
            return [upload_row(row) for row in Upload.select().order_by(Upload.created_at.desc())]

    def uploads_of(self, username: str, now: datetime) -> list[UploadRow]:
        """The uploads that this person began and whose time is not over, the newest first."""
        own = Upload.select().where(Upload.created_by == username, Upload.expires_at >= now)
        with self._reading():
            return [upload_row(row) for row in own.order_by(Upload.created_at.desc())]

    # --- requests ---------------------------------------------------------------------------------------------

    def add_request(self, kind: str, payload: object, *, source: str, by: str, now: datetime) -> int:
        """Something asked of the worker; the number that the queue carries."""
        with self._transaction():
            row = Request.create(kind=kind, payload=payload, source=source, requested_by=by, requested_at=now)
        return int(row.id)

    def request(self, request_id: int) -> RequestRow | None:
        """The request of that number."""
        with self._reading():
            row = Request.get_or_none(Request.id == request_id)
        return None if row is None else _request_row(row)

    def last_request(self, kind: str) -> int | None:
        """The number of the newest request of that kind; None where there was none."""
        with self._reading():
            row = Request.select(Request.id).where(Request.kind == kind).order_by(Request.id.desc()).first()
        return None if row is None else int(row.id)

    def requests_after(self, request_id: int) -> list[RequestRow]:
        """The requests made after that one, in their order."""
        with self._reading():
            return [_request_row(row) for row in Request.select().where(Request.id > request_id).order_by(Request.id)]

    # --- audit ------------------------------------------------------------------------------------------------

    def record_action(
        self, action: str, *, actor: str, now: datetime, address: str = "", detail: str = "", allowed: bool = True
    ) -> None:
        """One line of the « traçabilité »; `action` is what was done, in French."""
        with self._transaction():
            Audit.create(at=now, actor=actor, address=address, action=action, detail=detail, allowed=allowed)

    def audit(self, limit: int, *, before: int | None = None, search: AuditSearch = EVERY_LINE) -> list[AuditRow]:
        """The newest lines of those that are looked for, the newest first: those before number `before`."""
        query = Audit.select().order_by(Audit.id.desc()).limit(limit)
        conditions = search.conditions() if before is None else [*search.conditions(), Audit.id < before]
        if conditions:
            query = query.where(*conditions)
        with self._reading():
            return [AuditRow(**row.__data__) for row in query]

    def forget_refusals(self, keep: int) -> None:
        """Drop all but the newest `keep` refusals of each kind: they can be brought about at will, and those of one
        kind are not to push out another's. What was done stays for ever."""
        with self._transaction():
            kinds = [row.action for row in Audit.select(Audit.action).where(~Audit.allowed).distinct()]
            for kind in kinds:
                of_kind = (Audit.action == kind) & ~Audit.allowed
                newest_to_drop = Audit.select(Audit.id).where(of_kind).order_by(Audit.id.desc()).offset(keep).limit(1)
                for row in list(newest_to_drop):
                    _delete(Audit, of_kind & (Audit.id <= row.id))


def _delete(model: type[WebModel], condition: object) -> None:
    # Not `model.delete()`, whose published type the type checker cannot follow.
    ModelDelete(model).where(condition).execute()


def _account(username: str) -> Account:
    row = Account.get_or_none(Account.username == username)
    if row is None:
        raise RefusedError(f"il n'y a pas de compte « {username} »", code="unknown")
    return row


def _account_row(row: Account) -> AccountRow:
    return AccountRow(
        username=row.username,
        groups=tuple(row.groups),
        created_at=row.created_at,
        last_sign_in_at=row.last_sign_in_at,
        must_renew=must_be_replaced(row.password_hash),
    )


def _request_row(row: Request) -> RequestRow:
    return RequestRow(**row.__data__)
