"""Every combination of facts has one situation, and the sentences that it makes are true of these facts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import Availability, Phase, UpdateStatus, rule_of
from ospi_supervisor.domain.schedule import INSTALL_WINDOW
from ospi_supervisor.domain.situation import Facts, Situation, situate, users_see
from ospi_supervisor.domain.situation_terms import Action, Bar, End, Tone

RUNNING = UpdateStatus.RUNNING
FINAL = [status for status in UpdateStatus if status.is_final]
WAITING = [status for status in UpdateStatus if not status.is_final and status is not RUNNING]
BOTH = (False, True)


WITHOUT_PERSONS = [phase for phase in Phase if phase is not Phase.VALIDATE]


def combinations() -> Iterator[Facts]:
    """More than the engine can reach: a page must not fail on what nobody thought of."""
    phases = [None, Phase.VERIFY, Phase.BACKUP, Phase.MIGRATE, Phase.REOPEN]
    for update, phase, back, cancelling, up, page, locked, released in product(
        [None, *UpdateStatus], phases, *[BOTH] * 6
    ):
        yield Facts(
            update=update,
            phase=phase,
            going_back=back,
            cancelling=cancelling,
            worker_up=up,
            page_up=page,
            locked=locked,
            released=released,
        )


ALL = [(facts, situate(facts)) for facts in combinations()]


def seen(status: UpdateStatus, **facts: Any) -> Situation:
    return situate(Facts(update=status, **facts))


def test_every_situation_has_its_words() -> None:
    for facts, situation in ALL:
        assert situation.badge, facts
        assert situation.title, facts
        assert situation.advice.strip().endswith("."), facts
        assert situation.users == users_see(facts)


def test_the_flag_decides_what_users_see() -> None:
    for facts, situation in ALL:
        assert (situation.users == "la page de maintenance") == facts.page_up, facts


def test_a_slower_platform_is_told_while_a_phase_slows_it_and_only_then() -> None:
    for phase in Phase:
        slower = rule_of(phase).availability is Availability.SLOWER
        expected = "la plateforme, plus lente" if slower else "la plateforme"
        assert users_see(Facts(update=RUNNING, phase=phase)) == expected
        assert users_see(Facts(update=RUNNING, phase=phase, worker_up=False)) == "la plateforme"
        assert users_see(Facts(update=UpdateStatus.FAILED, phase=phase)) == "la plateforme"
    assert users_see(Facts(update=RUNNING)) == "la plateforme"


def test_nobody_is_told_to_cancel_what_cannot_be_cancelled_or_is_being() -> None:
    for phase in Phase:
        offered = situate(Facts(update=RUNNING, phase=phase)).actions
        if phase is not Phase.VALIDATE:
            assert offered == ((Action.CANCEL,) if rule_of(phase).cancellable else ())
            assert situate(Facts(update=RUNNING, phase=phase, cancelling=True)).actions == ()
        assert situate(Facts(update=RUNNING, phase=phase, going_back=True)).actions == ()
    for status in WAITING:
        assert seen(status).actions == (Action.CANCEL,)
        assert seen(status, cancelling=True).actions == ()
        assert seen(status, worker_up=False).actions == (Action.SUPPORT, Action.CANCEL)


def test_a_validation_offers_both_decisions_until_one_is_taken() -> None:
    waiting = Facts(update=RUNNING, phase=Phase.VALIDATE, page_up=True)
    assert situate(waiting).actions == (Action.OPEN, Action.GO_BACK)
    assert situate(replace(waiting, decided=True)).actions == ()
    assert "perdu au retour" in situate(waiting).data
    assert situate(replace(waiting, going_back=True)).data == "exactement celles d'avant l'interruption"


def test_what_was_not_opened_did_not_fail() -> None:
    ended = seen(UpdateStatus.ROLLED_BACK, not_opened=True)
    assert "échoué" not in ended.title
    assert "Rien n'est verrouillé" in ended.advice
    assert ended.data == "exactement celles d'avant l'interruption"


def test_a_cancellation_is_told_while_it_can_be_heeded() -> None:
    for phase in WITHOUT_PERSONS:
        told = situate(Facts(update=RUNNING, phase=phase, cancelling=True)).title
        expected = "L'annulation est demandée." if rule_of(phase).cancellable else rule_of(phase).title
        assert told == expected


def test_nobody_restarts_a_server_at_work() -> None:
    for facts, situation in ALL:
        at_work = facts.update is RUNNING
        if facts.update is not None and not facts.update.is_final and not at_work:
            at_work = facts.worker_up and facts.update is UpdateStatus.QUEUED
        stopped = facts.update is UpdateStatus.INTERVENTION and not facts.released
        assert situation.no_reboot == (at_work or stopped), facts


def test_a_worker_that_is_down_is_told_whatever_was_under_way() -> None:
    for facts, situation in ALL:
        under_way = facts.update is None or not facts.update.is_final
        assert (situation.badge == "service arrêté") == (under_way and not facts.worker_up), facts
        if situation.badge == "service arrêté":
            assert situation.tone is Tone.BAD
            assert Action.SUPPORT in situation.actions
            assert situation.no_reboot == (facts.update is RUNNING)
            assert (situation.bar is Bar.STOPPED) == (facts.update is RUNNING)


RESTART = "Relancez le service (« systemctl start ospi-supervisor-worker »), ou appelez le support."


@pytest.mark.parametrize(
    ("status", "phase", "words"),
    [
        (None, None, "Aucune mise à jour ne peut commencer."),
        (UpdateStatus.SCHEDULED, None, "plus de quatre heures après, elle est annulée."),
        (UpdateStatus.QUEUED, None, "commencera quand il sera relancé."),
        (UpdateStatus.PREPARED, None, "sera manquée"),
        (RUNNING, None, "reprendra, ou la plateforme reviendra"),
        (RUNNING, Phase.MIGRATE, "reprendra, ou la plateforme reviendra"),
        (RUNNING, Phase.REOPEN, "sera menée à son terme"),
        (RUNNING, Phase.CLEANUP, "sera menée à son terme"),
    ],
)
def test_a_worker_that_is_down_is_to_be_started_and_what_follows_is_so(
    status: UpdateStatus | None, phase: Phase | None, words: str
) -> None:
    advice = situate(Facts(update=status, phase=phase, worker_up=False)).advice
    assert RESTART in advice
    assert words in advice
    assert timedelta(hours=4) == INSTALL_WINDOW  # as said of a planned one


def test_what_is_said_of_the_data_is_so() -> None:
    for status in (UpdateStatus.REFUSED, UpdateStatus.FAILED, UpdateStatus.CANCELLED, *WAITING):
        assert seen(status).data == "inchangées"
    assert seen(UpdateStatus.SUCCEEDED).data == "toutes conservées"
    assert seen(UpdateStatus.ROLLED_BACK).data == "exactement celles d'avant l'interruption"
    for phase in WITHOUT_PERSONS:
        forward = situate(Facts(update=RUNNING, phase=phase))
        assert forward.data == ("inchangées" if rule_of(phase).cancellable else "")
    assert seen(RUNNING, going_back=True, page_up=True).data == "exactement celles d'avant l'interruption"
    assert seen(RUNNING, going_back=True).data == "inchangées"
    down = seen(RUNNING, going_back=True, page_up=True, worker_up=False)
    assert down.data == "exactement celles d'avant l'interruption"
    assert seen(RUNNING, going_back=True, worker_up=False).data == "inchangées"
    assert seen(RUNNING, worker_up=False).data == ""


@pytest.mark.parametrize("planned", BOTH)
def test_a_planned_update_waits_for_its_hour_and_another_for_the_service(planned: bool) -> None:
    found = seen(UpdateStatus.SCHEDULED if planned else UpdateStatus.QUEUED)
    assert found.badge == ("planifiée" if planned else "en attente")
    assert ("à l'heure dite" in found.advice) == planned
    assert found.title == ("Une mise à jour est planifiée." if planned else "La mise à jour va commencer.")
    assert found.end is (End.NONE if planned else End.EXPECTED)


def test_on_the_way_back_the_end_is_that_of_the_return() -> None:
    forward, back = seen(RUNNING), seen(RUNNING, going_back=True, page_up=True)
    assert (forward.bar, forward.end, forward.tone) == (Bar.FORWARD, End.EXPECTED, Tone.BUSY)
    assert (back.bar, back.end, back.tone) == (Bar.BACK, End.RETURN, Tone.BACK)
    assert back.badge == "retour à l'ancienne version"
    assert "revient d'elle-même" in back.advice


@pytest.mark.parametrize(
    ("cancelling", "badge", "title"),
    [
        (False, "retrait en cours", "Ce que la mise à jour avait préparé est retiré."),
        (True, "annulation en cours", "La mise à jour est annulée."),
    ],
)
def test_a_platform_that_stayed_open_goes_back_to_nothing(cancelling: bool, badge: str, title: str) -> None:
    found = seen(RUNNING, going_back=True, cancelling=cancelling)
    assert (found.badge, found.title, found.end) == (badge, title, End.NONE)
    assert "revient" not in found.advice


@pytest.mark.parametrize("status", [UpdateStatus.ROLLED_BACK, UpdateStatus.FAILED])
def test_a_locked_version_leads_to_the_support_and_another_to_an_import(status: UpdateStatus) -> None:
    locked, released, free = (seen(status, **{name: True}) for name in ("locked", "released", "worker_up"))
    assert locked.actions == (Action.SUPPORT, Action.REPORT)
    assert "verrouillée" in locked.advice
    assert free.actions == released.actions == (Action.IMPORT, Action.REPORT)
    assert "débloqué" in released.advice
    assert "importez de nouveau" in free.advice


@pytest.mark.parametrize("phase", [Phase.VERIFY, Phase.PREREQUISITES, Phase.BACKUP, Phase.REHEARSE])
def test_what_a_rehearsal_refused_is_the_supports_too(phase: Phase) -> None:
    found = seen(UpdateStatus.REFUSED, phase=phase)
    assert (Action.SUPPORT in found.actions) == (phase is Phase.REHEARSE)
    assert Action.IMPORT in found.actions
    assert "transmettez-le au support" in found.advice
    assert "avant de commencer" not in found.title


def test_a_platform_that_still_shows_the_page_is_not_called_open() -> None:
    assert "rouverte à tous" in seen(UpdateStatus.ROLLED_BACK).advice
    assert "rouverte" not in seen(UpdateStatus.ROLLED_BACK, page_up=True).advice


def test_an_intervention_is_the_supports_until_it_released_the_version() -> None:
    waits, released = seen(UpdateStatus.INTERVENTION), seen(UpdateStatus.INTERVENTION, released=True)
    assert (waits.actions, waits.bar) == ((Action.SUPPORT, Action.RESUME), Bar.STOPPED)
    assert "systemctl" not in waits.advice
    deaf = seen(UpdateStatus.INTERVENTION, worker_up=False).advice
    assert deaf.startswith("Le service de mise à jour est arrêté : relancez-le d'abord (« systemctl start ospi-")
    assert "appelez le support" in deaf
    assert "systemctl" not in seen(UpdateStatus.INTERVENTION, worker_up=False, released=True).advice
    assert "appelez le support" in waits.advice
    assert (waits.data, released.data) == ("", "")  # it may be a damaged backup that stopped the way back
    assert (released.actions, released.bar) == ((Action.REPORT,), Bar.NONE)
    assert "une intervention est nécessaire" not in released.title
    assert released.advice == "Cette mise à jour ne peut plus être reprise."
    assert "maintenance off » la retire" in seen(UpdateStatus.INTERVENTION, released=True, page_up=True).advice


def test_without_an_update_one_is_invited_to_import_where_that_can_be() -> None:
    assert situate(Facts()).actions == (Action.IMPORT,)
    assert situate(Facts()).tone is Tone.GOOD
    by_hand = situate(Facts(page_up=True))
    assert (by_hand.tone, by_hand.badge) == (Tone.WARN, "page de maintenance")
    assert "maintenance off" in by_hand.advice
    assert "à la main" not in by_hand.advice  # an intervention that was released leaves it too


def test_each_end_has_its_colour_and_ends_the_bar() -> None:
    tones = {status: seen(status).tone for status in FINAL}
    assert tones == {
        UpdateStatus.SUCCEEDED: Tone.GOOD,
        UpdateStatus.ROLLED_BACK: Tone.BAD,
        UpdateStatus.REFUSED: Tone.WARN,
        UpdateStatus.FAILED: Tone.BAD,
        UpdateStatus.CANCELLED: Tone.NEUTRAL,
        UpdateStatus.INTERVENTION: Tone.BAD,
    }
    for status in set(FINAL) - {UpdateStatus.INTERVENTION}:
        assert (seen(status).bar, seen(status).end) == (Bar.NONE, End.NONE)
    assert seen(UpdateStatus.SUCCEEDED).actions == (Action.OPEN_PLATFORM, Action.REPORT)
    for status in (UpdateStatus.REFUSED, UpdateStatus.CANCELLED):
        assert seen(status).actions == (Action.IMPORT, Action.REPORT)
