"""`web.db`: what the web process writes. The worker reads the requests and judges each one anew."""

from peewee import AutoField, BooleanField, CharField, ForeignKeyField, IntegerField, Model, TextField

from ospi_supervisor.store.fields import InstantField, JSONField
from ospi_supervisor.store.formats import Format


class WebModel(Model):
    """Base of the tables of `web.db`; bound to a database by `store.web_store`."""


class Account(WebModel):
    """Somebody who may sign in. `groups` is a list of names."""

    id = AutoField()
    username = CharField(unique=True)
    password_hash = CharField()
    groups = JSONField(default=list)
    created_at = InstantField()
    last_sign_in_at = InstantField(null=True)


class Session(WebModel):
    """A session, kept on the server, so that a sign-out revokes it wherever its cookie was copied."""

    token_sha256 = CharField(unique=True)
    account = ForeignKeyField(Account, backref="sessions", on_delete="CASCADE")
    created_at = InstantField()
    seen_at = InstantField()
    address = CharField()


class SignInFailure(WebModel):
    """A failed sign-in. `address` is where it came from: an address, or a known browser (`domain.sign_in`)."""

    username = CharField(index=True)
    address = CharField(index=True)
    at = InstantField()


class Upload(WebModel):
    """An archive on its way in, or in. Its bytes lie in `web/uploads/ID`.

    `proven` is the offset up to which every member of the archive was held against its signature.
    `verdict` is pending, accepted or refused; `reasons` what the administrator reads.
    `import_requested` is what « Importer » recorded: the request is made once the upload is complete.
    """

    id = CharField(primary_key=True)  # a random hexadecimal token
    filename = CharField()
    size = IntegerField()
    offset = IntegerField(default=0)
    proven = IntegerField(default=0)
    verdict = CharField(default="pending")
    code = CharField(null=True)
    reasons = JSONField(default=list)
    release = JSONField(null=True)
    prerequisites = JSONField(default=list)
    notice_sha256 = CharField(null=True)
    notice_read_at = InstantField(null=True)
    notice_read_by = CharField(null=True)
    import_requested = JSONField(null=True)
    created_by = CharField()
    created_at = InstantField()
    expires_at = InstantField()


class Request(WebModel):
    """Something asked of the worker. `kind` is `import`, `cancel`, `resume` or `unlock`; `payload` its arguments.

    `source` is `import` or `shell`. The worker's answer stands in `engine.db`, table `answer`.
    """

    id = AutoField()
    kind = CharField()
    payload = JSONField(default=dict)
    source = CharField()
    requested_by = CharField()
    requested_at = InstantField()


class Audit(WebModel):
    """Who did what, when, from where (« traçabilité »)."""

    id = AutoField()
    at = InstantField()
    actor = CharField()
    address = CharField(default="")
    action = CharField()
    detail = TextField(default="")
    allowed = BooleanField(default=True)


WEB_MODELS = (Account, Session, SignInFailure, Upload, Request, Audit)

WEB_FORMAT = Format("web", WEB_MODELS, "le service web")
