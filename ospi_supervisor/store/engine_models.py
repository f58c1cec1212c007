"""`engine.db`: what the worker alone writes and everybody may read. It is the truth about updates."""

from peewee import (
    SQL,
    AutoField,
    BooleanField,
    CharField,
    DateField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from ospi_supervisor.store.fields import InstantField, JSONField
from ospi_supervisor.store.formats import Format


class EngineModel(Model):
    """Base of the tables of `engine.db`; bound to a database by `store.engine_store`.

    `owner` is the update that a row belongs to (a field called `update` would hide peewee's method).
    """


class Update(EngineModel):
    """One update. At most one is `queued`, `running` or `prepared` at a time: a unique index says so."""

    id = AutoField()
    status = CharField(index=True)  # every page asks for those of a status
    product = CharField()
    from_version = CharField()
    to_version = CharField(null=True, index=True)  # announced, until `verify` has proven it
    source = CharField()  # import, automatic, shell
    requested_by = CharField()
    archive = CharField()
    notice_sha256 = CharField(null=True)
    notice_read_at = InstantField(null=True)
    start_at = InstantField(null=True)
    switch_at = InstantField(null=True)  # prepared at once, users lose the platform then
    wake_at = InstantField(null=True)  # when a prepared update is to be looked at next (`domain.hour`)
    announce_minutes = IntegerField(null=True)  # so long before its hour users are told; 0: never; None: as configured
    announcement = TextField(null=True)  # what they are told besides the hour
    held_since = InstantField(null=True)  # of a prepared one: since when it waits for its hour
    held_seconds = FloatField(null=True)  # what it waited so, each time
    validation_seconds = FloatField(null=True)  # and, once it has ended, for who validated it
    queued_at = InstantField()
    started_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    failed_phase = CharField(null=True)  # set with the first failure: from then on the engine goes backwards
    failure = TextField(null=True)  # what the administrator reads
    cancel_requested = BooleanField(default=False)
    attempts = IntegerField(default=0)  # how often a crash was recovered from
    verdict = CharField(null=True)  # of the validation, decided once
    decided_by = CharField(null=True)  # empty where nobody was there to decide


# Engine rule 5: the database itself refuses a second update under way.
Update.add_index(
    SQL(
        'CREATE UNIQUE INDEX IF NOT EXISTS one_update_under_way ON "update"'
        " ((status IN ('queued', 'running', 'prepared'))) WHERE status IN ('queued', 'running', 'prepared')"
    )
)


class PhaseRecord(EngineModel):
    """One phase of one update."""

    id = AutoField()
    owner = ForeignKeyField(Update, column_name="update_id", backref="phases", on_delete="CASCADE")
    name = CharField()
    position = IntegerField()
    status = CharField()
    percent = FloatField(default=0.0)
    started_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    facts = JSONField(default=dict)

    class Meta:
        indexes = ((("owner", "name"), True),)


class Event(EngineModel):
    """What happened, in order. Its number is the Server-Sent Event's `id`. Never changed, never reused."""

    id = AutoField()
    owner = ForeignKeyField(Update, column_name="update_id", backref="events", on_delete="CASCADE")
    at = InstantField()
    kind = CharField()  # phase, progress, log, end
    phase = CharField()
    level = CharField(null=True)  # of a `log`: the journal's lines are found among millions of a hook's
    data = JSONField()

    class Meta:
        indexes = ((("owner", "level"), False),)


class VersionLock(EngineModel):
    """A product and version that failed here (engine rule 8), until the support releases it.

    `nonce` is what makes the support's code good for this failure only.
    """

    id = AutoField()
    product = CharField()
    version = CharField()
    owner = ForeignKeyField(Update, column_name="update_id", backref="locks")
    nonce = CharField()
    locked_at = InstantField()
    released_at = InstantField(null=True)
    released_by = CharField(null=True)


class Answer(EngineModel):
    """The worker's judgement of one request of `web.db`: each request is judged once."""

    request_id = IntegerField(unique=True)
    at = InstantField()
    accepted = BooleanField()
    message = TextField(default="")
    update_id = IntegerField(null=True)


class Heartbeat(EngineModel):
    """That the worker lives: one row, renewed every few seconds."""

    id = IntegerField(primary_key=True, constraints=[SQL("CHECK (id = 1)")])
    at = InstantField()
    pid = IntegerField()


class SettingInForce(EngineModel):
    """A setting that an administrator changed, as the worker accepted it; the others have their default."""

    name = CharField(primary_key=True)
    value = CharField()
    changed_at = InstantField()
    changed_by = CharField()


class Automatic(EngineModel):
    """What is known of the automatic update: one row. Its documents are those of `api/automatic`.

    `server_id` is random and tells nothing of the server: its delay is drawn from it. `last_night` is the date of
    the latest night that was run.
    """

    id = IntegerField(primary_key=True, constraints=[SQL("CHECK (id = 1)")])
    server_id = CharField()
    last_night = DateField(null=True)
    last_check = JSONField(null=True)
    last_run = JSONField(null=True)
    activity = JSONField(null=True)


class Published(EngineModel):
    """What the worker knows and the web account cannot look at itself: one document for each name, replaced."""

    name = CharField(primary_key=True)
    at = InstantField()
    document = JSONField()


ENGINE_MODELS = (Update, PhaseRecord, Event, VersionLock, Answer, Heartbeat, SettingInForce, Automatic, Published)

ENGINE_FORMAT = Format("engine", ENGINE_MODELS, "le service de mise à jour")
