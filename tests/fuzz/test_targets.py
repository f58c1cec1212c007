"""Each parser that is fuzzed takes its seeds, and what chance makes of them, with an answer."""

import random

import pytest

from tests.fuzz.targets import TARGETS

CHANGES = 150


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_are_answered(name: str) -> None:
    target, dice = TARGETS[name], random.Random(name)
    for seed in target.seeds():
        target(seed)
        for _ in range(CHANGES):
            data = bytearray(seed)
            for _ in range(dice.randint(1, 4)):
                at, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
                data[at:end] = dice.choice([b"", dice.randbytes(3), *target.words])
            target(bytes(data))
