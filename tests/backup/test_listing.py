"""What changed is found whatever the clock says."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.backup.listing import (
    COARSEST_CLOCK_NS,
    Listing,
    changed,
    load_listing,
    save_listing,
    scan,
    weigh,
)
from ospi_supervisor.backup.take import Source
from ospi_supervisor.hands.folder import Entry, FolderHands
from tests.backup.trees import ODD_NAMES, add_oddities
from tests.support.system import require_root
from tests.support.tmpfs import small_disk


def entry(path: str, inode: int = 1, ctime_ns: int = 7, size: int = 3, kind: str = "file") -> Entry:
    return Entry(path, kind, 0o644, 0, 0, inode, size, 5, ctime_ns)


def listing(*entries: Entry) -> Listing:
    return {item.path: item for item in entries}


def nothing() -> None:
    """Nobody waits."""


@pytest.fixture
def hands() -> Iterator[FolderHands]:
    with FolderHands() as hands:
        yield hands


def test_an_entry_with_equal_facts_is_unchanged() -> None:
    assert changed(listing(entry("a")), listing(entry("a"))) == set()


def test_any_fact_that_differs_is_a_change() -> None:
    for other in (entry("a", inode=2), entry("a", ctime_ns=8), entry("a", size=4), entry("a", kind="link")):
        assert changed(listing(entry("a")), listing(other)) == {"a"}


def test_times_that_went_back_are_a_change_too() -> None:
    assert changed(listing(entry("a", ctime_ns=9)), listing(entry("a", ctime_ns=3))) == {"a"}


def test_what_changed_just_before_the_list_equals_nothing() -> None:
    assert changed(listing(entry("a", ctime_ns=0)), listing(entry("a", ctime_ns=0))) == {"a"}


def test_all_names_of_a_file_go_together() -> None:
    new = listing(entry("a", inode=4), entry("b", inode=4), entry("c", inode=5))
    assert changed(listing(entry("a", inode=4), entry("c", inode=5)), new) == {"a", "b"}


def test_holes_weigh_nothing_and_a_file_of_several_names_is_weighed_once(tmp_path: Path) -> None:
    with (tmp_path / "creux").open("wb") as file:
        file.seek(20 << 30)
        file.write(b"x")
    (tmp_path / "plein").write_bytes(b"x" * 1_000_000)
    (tmp_path / "petit").write_bytes(b"abc")
    for number in range(5):
        (tmp_path / f"autre-{number}").hardlink_to(tmp_path / "plein")
    assert 1_000_003 < weigh(tmp_path, [], nothing) < 1_100_000


def test_a_fresh_file_is_of_unknown_time_and_an_old_one_is_not(hands: FolderHands, tmp_path: Path) -> None:
    (tmp_path / "fichier").write_text("x")
    name = str(tmp_path / "fichier").lstrip("/")
    assert scan(hands, [tmp_path], [], nothing)[name].ctime_ns == 0
    time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)
    assert scan(hands, [tmp_path], [], nothing)[name].ctime_ns == (tmp_path / "fichier").stat().st_ctime_ns


def test_a_list_keeps_every_name_to_the_byte(hands: FolderHands, tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    add_oddities(folder)
    found = scan(hands, [folder], [], nothing)
    save_listing(found, tmp_path / "liste")
    assert load_listing(tmp_path / "liste") == found
    assert {os.fsencode(path).split(b"/")[-1] for path in found} >= set(ODD_NAMES)


def test_parents_come_first_and_what_is_left_out_stays_out(hands: FolderHands, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("")
    (tmp_path / "a.db").write_text("")
    (tmp_path / ".ospi-quarantaine-20260101T000000Z").mkdir()
    found = [Path("/", path).relative_to(tmp_path) for path in scan(hands, [tmp_path], [tmp_path / "a.db"], nothing)]
    assert [str(path) for path in found] == [".", "a", "a/b", "a/b/c"]


def test_a_disk_in_a_folder_is_weighed_as_a_place_of_its_own(tmp_path: Path) -> None:
    """The room for it is wanted there, not on the disk around it."""
    require_root("only it can mount a disk")
    (tmp_path / "a").write_bytes(b"x" * 10_000)
    with small_disk(tmp_path / "images", "8m"), small_disk(tmp_path / "images/inner", "8m"):
        for place, size in (("images", 100_000), ("images/inner", 1_000_000)):
            (tmp_path / place / "b").write_bytes(b"x" * size)
        places = Source((tmp_path,), frozenset(), ()).weight(nothing).places
    weights = [places[str(tmp_path / place)] for place in ("", "images", "images/inner")]
    assert [weight // 10_000 for weight in weights] == [1, 10, 100]
