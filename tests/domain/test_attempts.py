"""A night tries nothing again that would only fail once more, and everything that might not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ospi_supervisor.domain.attempts import Attempt, Conditions, DiskRoom, is_in_vain
from ospi_supervisor.domain.lifecycle import UpdateStatus

GB = 10**9
DISKS = {"/srv": DiskRoom(free=10 * GB, size=100 * GB), "/sauvegardes": DiskRoom(free=0, size=50 * GB)}
LAST = Attempt(
    archive="abcd",
    installed="11.5.0",
    conditions=Conditions(facts=frozenset({"la plateforme ne répond pas"}), disks=DISKS),
)


def room(folder: str, **changes: int) -> Callable[[Attempt], Attempt]:
    def change(attempt: Attempt) -> Attempt:
        disks = DISKS | {folder: replace(DISKS[folder], **changes)}
        return replace(attempt, conditions=replace(attempt.conditions, disks=disks))

    return change


@pytest.mark.parametrize("ended", UpdateStatus)
def test_what_ended_for_this_machines_reasons_is_in_vain_while_nothing_changes(ended: UpdateStatus) -> None:
    expected = ended in (UpdateStatus.REFUSED, UpdateStatus.FAILED)
    assert is_in_vain(LAST, ended, replace(LAST), touched=False) is expected
    assert not is_in_vain(LAST, ended, replace(LAST), touched=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda attempt: replace(attempt, archive="ef01"),
        lambda attempt: replace(attempt, installed="11.5.1"),
        lambda attempt: replace(attempt, conditions=replace(attempt.conditions, facts=frozenset())),
        lambda attempt: replace(attempt, conditions=replace(attempt.conditions, disks={"/srv": DISKS["/srv"]})),
        room("/srv", size=101 * GB),
        room("/srv", size=99 * GB),
        room("/srv", free=12 * GB),
        room("/sauvegardes", free=GB),
    ],
)
def test_whatever_changed_is_worth_another_try(change: Callable[[Attempt], Attempt]) -> None:
    assert not is_in_vain(LAST, UpdateStatus.REFUSED, change(LAST), touched=False)


@pytest.mark.parametrize("change", [room("/srv", free=12 * GB - 1), room("/srv", free=0), room("/sauvegardes", free=1)])
def test_a_little_more_room_or_less_of_it_is_no_change(change: Callable[[Attempt], Attempt]) -> None:
    assert is_in_vain(LAST, UpdateStatus.FAILED, change(LAST), touched=False)


def test_a_disk_without_a_size_divides_by_nothing() -> None:
    nothing = replace(LAST, conditions=Conditions(disks={"/srv": DiskRoom(free=0, size=0)}))
    assert is_in_vain(nothing, UpdateStatus.FAILED, replace(nothing), touched=False)
