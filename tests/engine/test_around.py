"""Engine rule 7: what is held around an update is held from its first phase to its end, recovery included."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.support.engine import Bench, fail, kill


def traced_run(bench: Bench) -> list[str]:
    @contextmanager
    def around() -> Iterator[None]:
        bench.trace("held")
        yield
        bench.trace("let go")

    before = len(bench.traced())
    engine = bench.engine({"do migrate": fail})
    engine.registry = replace(engine.registry, around=around)
    engine.run_due()
    return bench.traced()[before:]


def test_it_is_held_from_the_first_phase_to_the_end(bench: Bench) -> None:
    bench.admit()
    trace = traced_run(bench)
    assert (trace[0], trace[1], trace[-2], trace[-1]) == ("held", "do verify", "undo verify", "let go")
    assert traced_run(bench) == []


def test_it_is_held_while_an_update_is_taken_up_again(bench: Bench) -> None:
    bench.admit()
    bench.run_in_process({"do switch": kill})
    trace = traced_run(bench)
    assert (trace[0], trace[1], trace[-1]) == ("held", "before_recovery True", "let go")
