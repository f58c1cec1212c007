"""The faults that are put into a module: each is one change, and leaves a module that can be read."""

import ast

import pytest

from tests.mutants.__main__ import drawn
from tests.mutants.operators import mutants_of
from tests.mutants.rooms import ROOMS


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("a == b", {"(a != b)"}),
        ("x = a < 3", {"x = (a <= 3)", "x = a < 4"}),
        ("a and not b", {"(a or (not b))", "a and (b)"}),
        ("if a:\n    b()", {"if not (a):\n    b()", "if a:\n    pass"}),
        (
            "def f(a: int = 1):\n    return a",
            {"def f(a: int = 2):\n    return a", "def f(a: int = 1):\n    return None"},
        ),
        ("self.x = y", {"pass"}),
        ("x = y", set()),
        ("x += 1", {"pass", "x += 2"}),
        ("raise ValueError", {"pass"}),
        ("é = a - b", {"é = (a + b)"}),
        ("f'{a == b}' + 'c'", set()),
        ("logger.info(1)", {"logger.info(2)"}),
        ("x = True", {"x = False"}),
    ],
)
def test_each_fault_is_one_change(source: str, faults: set[str]) -> None:
    found = {mutant.applied(source.encode()).decode() for mutant in mutants_of(source.encode())}
    assert found == {fault.replace("(a or (not b))", "(a or not b)") for fault in faults}


@pytest.mark.parametrize("room", ROOMS)
def test_a_sample_is_the_same_each_time_and_can_be_read(room: str) -> None:
    sample = drawn(room, 20, 7)
    assert len(sample) == 20
    assert sample == drawn(room, 20, 7)
    assert sample != drawn(room, 20, 8)
    for module, mutant in sample:
        ast.parse(mutant.applied(module.read_bytes()))
