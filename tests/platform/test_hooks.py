"""Hooks as real programs: what they print, how they end, and that nothing of them stays."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from ospi_supervisor.errors import CancelledError, HookError
from ospi_supervisor.platform import hook_output, processes
from ospi_supervisor.platform.hooks import kill_leftovers
from ospi_supervisor.platform.processes import spawn
from tests.platform.hook_bench import Bench
from tests.support.system import let_others_in


def test_lines_progress_and_environment(bench: Bench) -> None:
    bench.run(
        'echo début; echo "@progress 42 la moitié"; echo "@progress 100"; echo "$OSPI_UPDATE_ID"; pwd; printf fin',
    )
    assert bench.lines == ["début", "7", str(bench.release), "fin"]
    assert bench.progress == [(42.0, "la moitié"), (100.0, "")]


def test_the_workers_environment_and_descriptors_are_not_inherited(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        bench.run("env | cut -d= -f1 | sort; ls /proc/self/fd | wc -l; cat")
    assert bench.lines[-1] == "4"  # 0, 1, 2, and ls's own
    assert set(bench.lines[:-1]) <= {
        "HOME", "LANG", "PATH", "USER", "PWD", "SHLVL", "_", "OLDPWD", "OSPI_RELEASE_DIR", "OSPI_UPDATE_ID"
    }  # fmt: skip


def test_words_that_are_no_progress_are_log(bench: Bench) -> None:
    lines = ["@progress", "@progress x y", "@progress 101 trop", "@progressif 3", " @progress 4 indenté"]
    bench.run("\n".join(f"echo '{line}'" for line in lines))
    assert bench.lines == lines
    assert bench.progress == []


def test_errors_carry_the_code_and_the_last_line(bench: Bench) -> None:
    with pytest.raises(HookError, match=r"code 3.*colonne inconnue"):
        bench.run("echo premier; echo 'colonne inconnue' >&2; exit 3")
    assert bench.lines == ["premier", "colonne inconnue"]


def test_what_it_prints_is_cleaned_wherever_it_goes(bench: Bench) -> None:
    with pytest.raises(HookError) as error:
        bench.run("echo avec s3cret\necho @progress 50 par s3cret\nprintf 'refus de s3cret'\nexit 3\n")
    assert bench.lines == ["avec ***", "refus de ***"]
    assert bench.progress == [(50.0, "par ***")]
    assert "refus de ***" in str(error.value)


def test_a_hook_that_dies_of_a_signal_is_an_error(bench: Bench) -> None:
    with pytest.raises(HookError, match="signal 9 : probablement un manque de mémoire"):
        bench.run("kill -9 $$")


def test_a_hook_that_cannot_start_is_an_error(bench: Bench) -> None:
    with pytest.raises(HookError, match="ne peut pas être lancé"):
        bench.run("#!/no/such/interpreter\n")


def test_time_limit_ends_a_hook_that_ignores_sigterm(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TERM_PATIENCE_SECONDS", 0.3)
    with pytest.raises(HookError, match=r"limite de 0.4 secondes : au travail"):
        bench.run("trap '' TERM; echo 'au travail'; while :; do sleep 0.05; done", timeout=0.4)
    assert bench.survivors() == []


def test_a_hook_is_first_asked_to_end(bench: Bench) -> None:
    with pytest.raises(HookError):
        bench.run("trap 'touch asked; exit 0' TERM; while :; do sleep 0.05; done", timeout=0.3)
    assert (bench.release / "asked").exists()


@pytest.mark.parametrize("launch", ["sleep 60 &", "setsid sleep 60 &", "(setsid sh -c 'sleep 60 & sleep 60' &)"])
def test_children_left_behind_are_killed_and_not_waited_for(bench: Bench, launch: str) -> None:
    began = time.monotonic()
    bench.run(f"{launch}\necho fini")
    assert time.monotonic() - began < 50
    assert bench.lines == ["fini"]
    assert bench.survivors() == []


def test_a_child_that_floods_the_output_does_not_hold_the_hook(bench: Bench) -> None:
    began = time.monotonic()
    bench.run("setsid yes & sleep 0.1; exit 0", timeout=50)
    assert time.monotonic() - began < 50
    assert bench.survivors() == []


def test_what_beat_raises_ends_the_hook(bench: Bench) -> None:
    bench.stop_at_beat = 2
    with pytest.raises(CancelledError):
        bench.run("sleep 60")
    assert bench.survivors() == []


def test_a_hook_that_closes_its_output_is_still_waited_for(bench: Bench) -> None:
    bench.run("exec >&- 2>&-; sleep 0.4; touch done")
    assert (bench.release / "done").exists()


def test_a_million_lines_are_read_quickly_and_beats_go_on(bench: Bench) -> None:
    began = time.process_time()
    bench.run("#!/usr/bin/env python3\nimport sys\nfor n in range(1_000_000): sys.stdout.write(f'ligne {n}\\n')\n", 600)
    assert time.process_time() - began < 20
    assert len(bench.lines) == 1_000_000
    assert bench.lines[-1] == "ligne 999999"
    assert bench.beats >= 1


def test_lines_without_end_are_cut_and_strange_bytes_replaced(bench: Bench) -> None:
    bench.run("head -c 100000 /dev/zero | tr '\\0' x; echo; printf '\\377\\376caf\\303\\251\\r\\n'")
    assert "".join(bench.lines[:-1]) == "x" * 100_000
    assert max(map(len, bench.lines)) <= hook_output.MAX_LINE_BYTES
    assert bench.lines[-1] == "��café"


def test_services_survive_whatever_ends(bench: Bench) -> None:
    service = spawn(
        ["sleep", "60"], account=None, cwd=bench.release, output=subprocess.DEVNULL, env={"OSPI_RELEASE_DIR": "x"}
    )
    try:
        bench.run("sleep 60 &")
        kill_leftovers(bench.release.parents[1])
        assert service.poll() is None
    finally:
        service.kill()
        service.wait()


@pytest.mark.usefixtures("as_root")
def test_root_runs_hooks_as_the_platforms_account(bench: Bench) -> None:
    let_others_in(bench.release)
    bench.account = "nobody"
    bench.run("id -un; id -Gn; echo $HOME; umask; touch /refused 2>/dev/null || echo refusé")
    assert bench.lines == ["nobody", "nogroup", "/nonexistent", "0022", "refusé"]


def test_an_unknown_account_is_an_error_in_words(bench: Bench) -> None:
    bench.account = "nobody-of-that-name"
    with pytest.raises(Exception, match="n'existe pas"):
        bench.run("true")
