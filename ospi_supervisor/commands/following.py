"""Following what the worker does: an answer awaited, an update to its end. Nothing of it depends on who follows."""

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ospi_supervisor.commands.context import Invocation, json_option, pass_invocation
from ospi_supervisor.domain.command_line import command_line, unit
from ospi_supervisor.domain.events import EventData, EventKind
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.requests import LAST_NUMBER
from ospi_supervisor.domain.words import PHASE_STATUS_LABELS, STATUS_LABELS
from ospi_supervisor.errors import RefusedError, StoppedByHandError, printable_json
from ospi_supervisor.system.interruption import held, told_if_interrupted

if TYPE_CHECKING:
    from ospi_supervisor.operations.requests import Operations
    from ospi_supervisor.store.engine_documents import UpdateDocument

POLL_SECONDS = 0.3
WORKER_PATIENCE_SECONDS = 30.0


@click.command("follow")
@click.argument("update_id", metavar="[ID]", type=click.IntRange(1, LAST_NUMBER), required=False)
@json_option
@pass_invocation
def follow_command(invocation: Invocation, update_id: int | None, as_json: bool) -> None:
    """Suivre la mise à jour ID, sinon celle en cours ou la dernière, depuis son début ; 0 seulement si elle réussit.

    Ctrl-C arrête de suivre, et rien d'autre. Avec --json, un document par ligne.
    """
    operations = invocation.operations
    follow(operations, update_id or _newest(operations), as_json=as_json)


def _newest(operations: "Operations") -> int:
    if (active := operations.reader.active_update()) is not None:
        return active
    newest = operations.reader.updates(1)
    if not newest:
        raise RefusedError("il n'y a encore aucune mise à jour à suivre")
    return newest[0]["id"]


def wait_for_words(operations: "Operations", request: int, left: str) -> str:
    """What the worker says of a request that takes as long as it takes; RefusedError with its reason. Only a worker
    that gives no sign of life ends the wait, or an interruption, in the words `left`."""
    with told_if_interrupted(lambda: left):
        seen = time.monotonic()
        while (answer := operations.reader.answer(request)) is None:
            if operations.status()["worker"] == "up":
                seen = time.monotonic()
            if time.monotonic() - seen > WORKER_PATIENCE_SECONDS:
                raise RefusedError("le service de mise à jour est arrêté ; démarrez-le, puis refaites cette demande")
            time.sleep(POLL_SECONDS)
    if not answer["accepted"]:
        raise RefusedError(answer["message"])
    return answer["message"]


def wait_for_answer(operations: "Operations", request: int) -> int:
    """The number of the update that the worker made of a request; RefusedError with its reason, or its silence."""
    deadline = time.monotonic() + WORKER_PATIENCE_SECONDS
    with told_if_interrupted(lambda: goes_on(request)):
        while (answer := operations.reader.answer(request)) is None:
            if time.monotonic() > deadline:
                raise RefusedError(
                    "le service de mise à jour ne répond pas ; la demande reste enregistrée, démarrez-le"
                    f" (systemctl start {unit('worker')})"
                )
            time.sleep(POLL_SECONDS)
    if not answer["accepted"]:
        raise RefusedError(answer["message"])
    if answer["update_id"] is None:
        raise RefusedError(f"la demande {request} n'a mené à aucune mise à jour")
    return answer["update_id"]


def follow(
    operations: "Operations",
    update_id: int,
    after: int = 0,
    wanted: frozenset[UpdateStatus] = frozenset({UpdateStatus.SUCCEEDED}),
    *,
    as_json: bool = False,
) -> None:
    """Print the update's events that follow `after`, until its end; RefusedError unless that is a `wanted` one."""
    with told_if_interrupted(lambda: still_runs(update_id)):
        while True:
            update = existing(operations, update_id)
            for event in events_of(operations, update_id, after):
                after = event.id
                _print(event, as_json)
            status = UpdateStatus(update["status"])
            if status.is_final:
                break
            time.sleep(POLL_SECONDS)
    if status not in wanted:
        why = update["failure"] or ("à la demande" if update["cancel_requested"] else "le journal dit pourquoi")
        raise RefusedError(f"mise à jour {STATUS_LABELS[status]} : {why}")


def _print(event: Any, as_json: bool) -> None:
    if as_json:
        document = {"id": event.id, "event": event.kind, "data": event.data}
        click.echo(printable_json(json.dumps(document, ensure_ascii=False, default=str)))
    elif line := line_of(event.kind, event.data):
        click.echo(line)


def asked(ask: Callable[[], int], record: Callable[[int], None]) -> int:
    """The number of a request that is made and recorded, whole: an interruption meanwhile is told with its number."""
    with held(lambda: "Interrompu ; la demande est déjà faite.") as interruption:
        request = ask()
        record(request)
    if interruption.came:
        raise StoppedByHandError(goes_on(request))
    return request


def goes_on(request: int) -> str:
    """What becomes of a request whose answer is awaited no more."""
    return (
        f"interrompu ; la demande n° {request} est enregistrée, et continue sans cette commande :"
        f" « {command_line('status')} » dit où elle en est, « {command_line('follow')} » suit la mise à jour"
    )


def still_runs(update_id: int) -> str:
    """What becomes of an update that is followed no more."""
    return (
        f"interrompu ; la mise à jour n° {update_id} continue sans cette commande :"
        f" « {command_line(f'follow {update_id}')} » la suit, « {command_line(f'cancel {update_id}')} » l'arrête tant"
        " que la page de maintenance n'est pas là"
    )


def existing(operations: "Operations", update_id: int) -> "UpdateDocument":
    """The update of that number; RefusedError where there is none."""
    update = operations.reader.update(update_id)
    if update is None:
        raise RefusedError(f"il n'y a pas de mise à jour n° {update_id} ; « {command_line('history')} » les liste")
    return update


def events_of(operations: "Operations", update_id: int, after: int) -> Iterator[Any]:
    while events := operations.reader.events(update_id, after, 1000):
        yield from events
        after = events[-1].id


def line_of(kind: EventKind, data: EventData) -> str | None:
    """An event in words; None for one that says nothing new on a terminal."""
    title = rule_of(Phase(data["phase"])).title if data.get("phase") else ""
    if kind == EventKind.PHASE:
        return f"{title} : {PHASE_STATUS_LABELS[PhaseStatus(data['status'])]}"
    if kind == EventKind.PROGRESS:
        return f"{title} : {data['percent']:.0f} % {data.get('message', '')}".rstrip()
    if kind == EventKind.END:
        return f"Mise à jour {STATUS_LABELS[UpdateStatus(data['status'])]}"
    return str(data["message"])
