"""Forward and back (engine rules 1 to 3): what happens when a phase, or its undo, fails."""

import errno
import time

import pytest

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import (
    MAX_ATTEMPTS,
    Phase,
    PhaseStatus,
    Recovery,
    UndoFailure,
    UpdateStatus,
    rule_of,
)
from ospi_supervisor.engine.run import INTERVAL_SECONDS
from ospi_supervisor.errors import HookError, RefusedError
from ospi_supervisor.phases.base import Run
from tests.support.engine import NEW, Bench, Faults, Once, crash, fail, kill

UNDOABLE = [phase for phase in Phase if rule_of(phase).recovery is not Recovery.ROLL_FORWARD]


def before(phase: Phase) -> list[Phase]:
    return list(Phase)[: list(Phase).index(phase)]


def test_without_a_fault_every_phase_is_done_once_and_in_order(bench: Bench) -> None:
    bench.admit()
    bench.run()
    assert bench.traced() == [f"do {phase}" for phase in Phase]
    assert bench.effects() == set(Phase)
    assert set(bench.phase_statuses().values()) == {PhaseStatus.DONE}
    update = bench.update()
    assert (update["status"], update["from"], update["to"]) == ("succeeded", "11.5.0", "11.6.0")
    assert update["failed_phase"] is None
    assert all(row["percent"] == 100 and row["started_at"] <= row["ended_at"] for row in update["phases"])


def test_the_events_tell_each_phase_and_the_end(bench: Bench) -> None:
    bench.admit()
    bench.run()
    told = [(kind, data["phase"], data["status"]) for kind, data in bench.events()]
    expected = [("phase", phase, status) for phase in Phase for status in ("doing", "done")]
    assert told == [*expected, ("end", "cleanup", "succeeded")]
    assert all(data["at"].endswith("+00:00") for _, data in bench.events())


@pytest.mark.parametrize("fault", [fail, crash], ids=["error", "bug"])
@pytest.mark.parametrize("moment", ["do", "did"])
@pytest.mark.parametrize("phase", UNDOABLE)
def test_a_failure_undoes_the_phase_and_all_before_it(bench: Bench, phase: Phase, moment: str, fault: Once) -> None:
    bench.admit()
    bench.run({f"{moment} {phase}": fault})
    done = [*before(phase), phase]
    assert bench.traced() == [f"do {name}" for name in done] + [f"undo {name}" for name in reversed(done)]
    assert bench.effects() == set()
    assert bench.status() is rule_of(phase).ending
    assert bench.update()["failed_phase"] == phase
    assert bench.update()["failure"]
    assert len(bench.journal("error")) == 1
    statuses = bench.phase_statuses()
    assert all(statuses[name] is PhaseStatus.UNDONE for name in done)
    assert all(statuses[name] is PhaseStatus.PENDING for name in Phase if name not in done)


@pytest.mark.parametrize("phase", [phase for phase in UNDOABLE if phase is not Phase.VALIDATE])
def test_what_the_machine_does_locks_only_from_maintenance_on(bench: Bench, phase: Phase) -> None:
    bench.admit()
    bench.run({f"do {phase}": fail})
    assert bench.locked_versions() == ([] if phase in before(Phase.MAINTENANCE) else [NEW])


def hook_fails(_run: Run) -> None:
    raise HookError("le programme 10-venv a échoué (code 1)")


@pytest.mark.parametrize("killed", [None, "undo stage", "undo verify"])
def test_a_failing_hook_of_stage_locks_even_where_the_way_back_is_cut(bench: Bench, killed: str | None) -> None:
    bench.admit()
    faults: Faults = {"do stage": hook_fails}
    if killed is not None:
        assert bench.run_in_process({**faults, killed: kill}) == -9
    bench.run(faults)
    assert bench.status() is UpdateStatus.FAILED
    assert bench.locked_versions() == [NEW]
    assert bench.update()["lock"] == "held"


def nothing_would_bring_it_back(_run: Run) -> None:
    raise RefusedError("base « registre » : rien ne la ramènerait après une migration manquée", code="way_back")


@pytest.mark.parametrize("killed", [None, "undo stage"])
def test_a_backup_that_proves_no_way_back_refuses_and_locks_nothing(bench: Bench, killed: str | None) -> None:
    bench.admit()
    faults: Faults = {"do backup": nothing_would_bring_it_back}
    if killed is not None:
        assert bench.run_in_process({**faults, killed: kill}) == -9
    bench.run(faults)
    assert bench.status() is UpdateStatus.REFUSED
    assert bench.locked_versions() == []
    assert bench.effects() == set()


@pytest.mark.parametrize("phase", [Phase.STAGE, Phase.BACKUP])
def test_a_person_may_start_again_what_the_machine_failed(bench: Bench, phase: Phase) -> None:
    bench.admit()
    bench.run({f"do {phase}": fail})
    assert bench.status() is UpdateStatus.FAILED
    assert bench.update()["lock"] is None
    bench.admit()
    bench.run()
    assert bench.status(2) is UpdateStatus.SUCCEEDED


@pytest.mark.parametrize("phase", UNDOABLE)
def test_a_failing_undo_leaves_a_warning_or_stops_everything(bench: Bench, phase: Phase) -> None:
    """Promise: a broken platform is never reopened to clinicians."""
    bench.admit()
    bench.run({"do validate": fail, f"undo {phase}": fail})
    assert bench.phase_statuses()[phase] is PhaseStatus.FAILED
    if rule_of(phase).undo_failure is UndoFailure.WARNING:
        assert bench.status() is UpdateStatus.ROLLED_BACK
        assert bench.effects() == {phase}
    else:
        assert bench.status() is UpdateStatus.INTERVENTION
        assert bench.effects() == {*before(phase), phase} - {"validate"}
        assert bench.traced()[-1] == f"undo {phase}"
    assert bench.locked_versions() == ([NEW] if bench.status() is UpdateStatus.INTERVENTION else [])


def test_a_reopening_that_fails_once_is_tried_again_after_start_and_health(bench: Bench) -> None:
    bench.admit()
    bench.run({"do reopen": bench.once(fail)})
    assert bench.traced()[-6:] == ["do validate", "do reopen", "do start", "do health", "do reopen", "do cleanup"]
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_a_reopening_that_fails_for_good_needs_the_support_and_undoes_nothing(bench: Bench) -> None:
    bench.admit()
    bench.run({"do reopen": fail})
    assert bench.traced().count("do reopen") == MAX_ATTEMPTS
    assert not [line for line in bench.traced() if line.startswith("undo")]
    assert bench.status() is UpdateStatus.INTERVENTION
    assert bench.update()["failed_phase"] == "reopen"


def test_a_failing_cleanup_is_a_warning_on_an_update_that_succeeded(bench: Bench) -> None:
    bench.admit()
    bench.run({"do cleanup": fail})
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert bench.journal("warning") == ["Le nettoyage est incomplet. Panne provoquée."]
    assert bench.locked_versions() == []


def test_a_version_that_failed_is_refused_by_verify_and_nothing_changes(bench: Bench) -> None:
    bench.admit()
    bench.run({"do migrate": fail})
    bench.admit()
    bench.run()
    assert bench.status(2) is UpdateStatus.REFUSED
    assert "contactez le support" in bench.update(2)["failure"]
    assert bench.effects() == set()
    bench.admit()
    bench.run(version="11.6.1")
    assert bench.status(3) is UpdateStatus.SUCCEEDED


def test_what_a_phase_remembers_is_there_for_its_undo_and_for_later_phases(bench: Bench) -> None:
    seen: dict[str, object] = {}

    def look(run: Run) -> None:
        seen["stage"] = dict(run.facts(Phase.STAGE))
        seen["migrate"] = dict(run.facts(Phase.MIGRATE))

    bench.admit()
    bench.run({"did migrate": fail, "undo migrate": look})
    assert seen == {"stage": {"before": True, "after": True}, "migrate": {"before": True}}


def test_an_unknown_installed_version_refuses_the_update(bench: Bench) -> None:
    def unknown() -> str:
        raise RefusedError("le lien current ne mène à rien")

    bench.admit()
    engine = bench.engine()
    engine.installed_version = unknown
    engine.run_due()
    assert bench.status() is UpdateStatus.REFUSED
    assert bench.update()["failure"] == "le lien current ne mène à rien"
    assert bench.traced() == []


def test_a_million_lines_go_to_the_file_and_a_tail_to_the_pages(bench: Bench) -> None:
    """Promise: hook output slows neither the job nor the database."""

    def print_much(run: Run) -> None:
        for number in range(200_000):
            run.log(f"ligne {number} \udce9\n")
            run.output([f"ligne {number} \udce9"], 1)

    bench.admit()
    began = time.monotonic()
    bench.run({"do migrate": print_much})
    log = bench.paths.logs_dir / "update-1.log"
    lines = log.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    assert lines == [f"ligne {number} \udce9" for number in range(200_000)]
    tails = [data for _, data in bench.events() if data.get("level") == "output"]
    assert 1 <= len(tails) <= 2 + (time.monotonic() - began) / INTERVAL_SECONDS
    assert tails[-1]["message"].splitlines()[-1] == r"ligne 199999 \xe9"
    assert sum(data["skipped"] + len(data["message"].splitlines()) for data in tails) == 200_000


def test_progress_is_throttled_and_its_last_word_kept(bench: Bench) -> None:
    def advance(run: Run) -> None:
        for number in range(10_000):
            run.progress(number / 100, f"pas {number}")

    bench.admit()
    bench.run({"do stage": advance})
    steps = [data for kind, data in bench.events() if kind == "progress"]
    assert 1 <= len(steps) < 30
    assert steps[-1]["message"] == "pas 9999"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/opt/x"), "plus d'espace sur le disque (/opt/x)"),
        (OSError(errno.EIO, "Input/output error"), "erreur du système : le disque ne répond plus ou est abîmé"),
        (ZeroDivisionError("division"), "erreur imprévue (ZeroDivisionError : division)"),
        (RefusedError("nom \udce9 illisible"), r"nom \xe9 illisible"),
    ],
)
def test_every_error_has_words(bench: Bench, error: Exception, words: str) -> None:
    def raise_it(_run: Run) -> None:
        raise error

    bench.admit()
    bench.run({"do stage": raise_it})
    assert bench.update()["failure"].startswith(words)


@pytest.mark.parametrize("phase", UNDOABLE)
def test_a_phase_that_fails_is_told_with_its_name_and_the_reason(bench: Bench, phase: Phase) -> None:
    bench.admit()
    bench.run({f"do {phase}": fail})
    states = [data["status"] for kind, data in bench.events() if kind == "phase" and data["phase"] == phase]
    assert states == ["doing", "failed", "undoing", "undone"]
    errors = [data for kind, data in bench.events() if kind == "log" and data["level"] == "error"]
    words = f"Échec de l'étape « {rule_of(phase).title} ». Panne provoquée."
    assert [(data["phase"], data["message"]) for data in errors] == [(phase, words)]


def test_a_reopening_that_fails_is_told_each_time(bench: Bench) -> None:
    bench.admit()
    bench.run({"do reopen": fail})
    assert bench.status() is UpdateStatus.INTERVENTION
    errors = [data for kind, data in bench.events() if kind == "log" and data["level"] == "error"]
    told = [data["phase"] for data in errors if data["message"] == "La réouverture a échoué. Panne provoquée."]
    assert told == [Phase.REOPEN] * MAX_ATTEMPTS
    assert "panne provoquée" in bench.update()["failure"]


@pytest.mark.parametrize("phase", UNDOABLE)
def test_what_an_undo_says_and_records_is_its_own_phases(bench: Bench, phase: Phase) -> None:
    facts: list[bool] = []

    def speak(run: Run) -> None:
        run.journal(Level.WARNING, "en arrière")
        run.progress(50, "à mi-chemin")
        run.remember(undone=True)
        facts.append(run.facts(phase).get("undone", False))

    bench.admit()
    bench.run({f"did {Phase.VALIDATE}": fail, f"undo {phase}": speak})
    said = [data["phase"] for _, data in bench.events() if data.get("message") in ("en arrière", "à mi-chemin")]
    assert said == [phase, phase]
    assert facts == [True]
