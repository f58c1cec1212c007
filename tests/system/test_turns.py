"""Costly work one at a time: whoever is known goes before those whom nobody knows, however many wait."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ospi_supervisor.errors import ThrottledError
from ospi_supervisor.system.turns import UNKNOWN_WAITING_MAX, Turns
from tests.support.system import wait_until


def test_whoever_is_known_goes_first_and_few_others_wait() -> None:
    turns, order = Turns(), list[bool]()

    def work(*, is_known: bool) -> None:
        with turns.wait(is_known=is_known):
            order.append(is_known)

    with ThreadPoolExecutor(10) as pool:
        with turns.wait(is_known=True):
            waiting = [pool.submit(work, is_known=False) for _ in range(UNKNOWN_WAITING_MAX)]
            wait_until(lambda: not turns._unknown._value, "all that may wait")
            with pytest.raises(ThrottledError):
                work(is_known=False)
            waiting.append(pool.submit(work, is_known=True))
            wait_until(lambda: turns._known_waiting == 1, "the known one")
        for one in waiting:
            one.result(60)
    assert order == [True] + [False] * UNKNOWN_WAITING_MAX
