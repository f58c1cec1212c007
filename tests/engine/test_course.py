"""Forward and back (engine rules 1 to 3): what happens when a phase, or its undo, fails."""

import errno

import pytest

from ospi_supervisor.domain.lifecycle import (
    MAX_ATTEMPTS,
    Phase,
    PhaseStatus,
    Recovery,
    UndoFailure,
    UpdateStatus,
    rule_of,
)
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.base import Run
from tests.support.engine import NEW, Bench, Once, crash, fail

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


@pytest.mark.parametrize("phase", UNDOABLE)
def test_only_a_failure_after_stage_began_locks_the_version(bench: Bench, phase: Phase) -> None:
    bench.admit()
    bench.run({f"do {phase}": fail})
    assert bench.locked_versions() == ([] if phase in (Phase.VERIFY, Phase.PREREQUISITES) else [NEW])


@pytest.mark.parametrize("phase", UNDOABLE)
def test_a_failing_undo_leaves_a_warning_or_stops_everything(bench: Bench, phase: Phase) -> None:
    """Promise: a broken platform is never reopened to clinicians."""
    bench.admit()
    bench.run({"do health": fail, f"undo {phase}": fail})
    assert bench.phase_statuses()[phase] is PhaseStatus.FAILED
    if rule_of(phase).undo_failure is UndoFailure.WARNING:
        assert bench.status() is UpdateStatus.ROLLED_BACK
        assert bench.effects() == {phase}
    else:
        assert bench.status() is UpdateStatus.INTERVENTION
        assert bench.effects() == {*before(phase), phase} - {"health"}
        assert bench.traced()[-1] == f"undo {phase}"
    assert bench.locked_versions() == [NEW]


def test_a_reopening_that_fails_once_is_tried_again_after_start_and_health(bench: Bench) -> None:
    bench.admit()
    bench.run({"do reopen": bench.once(fail)})
    assert bench.traced()[-6:] == ["do health", "do reopen", "do start", "do health", "do reopen", "do cleanup"]
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
            run.output(f"ligne {number} \udce9")

    bench.admit()
    bench.run({"do migrate": print_much})
    log = bench.paths.logs_dir / "update-1.log"
    lines = log.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    assert lines == [f"ligne {number} \udce9" for number in range(200_000)]
    tails = [data for _, data in bench.events() if data.get("level") == "output"]
    assert 1 <= len(tails) < 30
    assert tails[-1]["message"].splitlines()[-1] == "ligne 199999 ?"
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
        (OSError(errno.EIO, "Input/output error"), "erreur du système ([Errno 5] Input/output error)"),
        (ZeroDivisionError("division"), "erreur imprévue (ZeroDivisionError : division)"),
        (RefusedError("nom \udce9 illisible"), "nom ? illisible"),
    ],
)
def test_every_error_has_words(bench: Bench, error: Exception, words: str) -> None:
    def raise_it(_run: Run) -> None:
        raise error

    bench.admit()
    bench.run({"do stage": raise_it})
    assert bench.update()["failure"].startswith(words)
