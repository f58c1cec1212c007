"""Fetching by ranges: cuts, restarts, servers without manners, and archives that are not the signed ones."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.offers import Offer
from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed.fetch import Retry, fetch
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.deadlines import Limits
from tests.support.http_server import Handler, Server
from tests.support.vendor import Vendor

QUICK = Retry(first=0.001, longest=0.002, attempts=4)
DATA = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path / "vendor")


@pytest.fixture
def offer(vendor: Vendor) -> Offer:
    return vendor.add("11.6.0", DATA)


def run(server: Server, offer: Offer, folder: Path, retry: Retry = QUICK, **limits: float) -> Path:
    transport = Transport(limits=Limits(**{"connect": 10, "silence": 30, "window": 30} | limits))
    return fetch(transport, server.url, offer, folder, progress=lambda _: None, check=lambda: None, retry=retry)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_archive_arrives_whole_and_alone(server: Server, offer: Offer, tmp_path: Path) -> None:
    path = run(server, offer, tmp_path / "feed")
    assert path.read_bytes() == DATA
    assert names(tmp_path / "feed") == [offer.filename]
    assert server.sent == len(DATA)


def test_an_archive_that_is_there_is_not_fetched_again(server: Server, offer: Offer, tmp_path: Path) -> None:
    run(server, offer, tmp_path / "feed")
    server.sent = 0
    assert run(server, offer, tmp_path / "feed").read_bytes() == DATA
    assert server.sent == 0


@pytest.mark.parametrize(
    ("size", "seed", "etags"),
    [
        pytest.param(1_000_000_000, 0, True, marks=pytest.mark.full),
        *((20_000_000, seed, etags) for seed in (1, 2, 3) for etags in (True, False)),
    ],
)
def test_fifty_random_cuts_cost_no_byte_twice(
    vendor: Vendor, server: Server, tmp_path: Path, size: int, seed: int, etags: bool
) -> None:
    """The promise, in `make test-all` on a gigabyte too: bytes received are at most 1.05 times those needed."""
    chance = random.Random(seed)
    data = b"".join(chance.randbytes(10_000_000) for _ in range(size // 10_000_000))
    offer = vendor.add("11.6.0", data)
    places = sorted(chance.sample(range(1, len(data)), 50))
    cuts = [here - before for before, here in zip([0, *places], places, strict=False)]
    server.cut_after = lambda: cuts.pop(0) if cuts else None
    server.etags = etags
    assert run(server, offer, tmp_path / "feed").read_bytes() == data
    assert len(server.paths) == 51
    assert server.sent <= 1.05 * len(data)


def test_a_fetch_goes_on_after_a_restart(server: Server, offer: Offer, tmp_path: Path) -> None:
    server.cut_after = lambda: 1_000_000 if server.sent < 1_000_000 else 0
    with pytest.raises(FeedError, match="a été coupée"):
        run(server, offer, tmp_path / "feed")
    assert names(tmp_path / "feed") == [f"{offer.filename}.part", f"{offer.filename}.part.etag"]
    server.cut_after = lambda: None
    server.sent = 0
    assert run(server, offer, tmp_path / "feed").read_bytes() == DATA
    assert server.sent == len(DATA) - 1_000_000
    assert server.headers[-1]["If-Range"].startswith('"')


class StopError(Exception):
    pass


def stop() -> None:
    raise StopError


def test_stopping_closes_the_connection_at_once(server: Server, offer: Offer, tmp_path: Path) -> None:
    def until_the_end(handler: Handler) -> bool:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.send(DATA)
        return True

    server.behaviour = until_the_end
    with pytest.raises(StopError) as stopped:
        fetch(Transport(), server.url, offer, tmp_path / "feed", progress=lambda _: None, check=stop)
    assert stopped.tb is not None  # which keeps all that was at work
    assert not server.clients()


def test_stopping_keeps_what_was_received(server: Server, offer: Offer, tmp_path: Path) -> None:
    with pytest.raises(StopError):
        fetch(Transport(), server.url, offer, tmp_path / "feed", progress=lambda _: None, check=stop)
    received = (tmp_path / "feed" / f"{offer.filename}.part").stat().st_size
    assert received > 0
    server.sent = 0
    run(server, offer, tmp_path / "feed")
    assert server.sent == len(DATA) - received


def test_the_progress_only_grows(server: Server, offer: Offer, tmp_path: Path) -> None:
    seen: list[float] = []
    fetch(Transport(), server.url, offer, tmp_path / "feed", progress=seen.append, check=lambda: None)
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_a_server_without_ranges_still_serves(server: Server, offer: Offer, tmp_path: Path) -> None:
    server.ranges = False
    cuts = [1_000_000]
    server.cut_after = lambda: cuts.pop() if cuts else None
    assert run(server, offer, tmp_path / "feed").read_bytes() == DATA


def test_a_file_that_changed_on_the_server_begins_anew(server: Server, offer: Offer, tmp_path: Path) -> None:
    """The etag of the first bytes is not that of the rest: none of them is kept."""
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / f"{offer.filename}.part").write_bytes(b"x" * 1000)
    (folder / f"{offer.filename}.part.etag").write_text('"old"')
    assert run(server, offer, folder).read_bytes() == DATA
    assert len(server.paths) == 1


@pytest.mark.parametrize("rubbish", [b"x" * 1000, b"x" * len(DATA), b"x" * (len(DATA) + 1)])
def test_rubbish_from_another_night_is_replaced(server: Server, offer: Offer, tmp_path: Path, rubbish: bytes) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / f"{offer.filename}.part").write_bytes(rubbish)
    assert run(server, offer, folder).read_bytes() == DATA


def test_the_remains_of_another_archive_are_removed(server: Server, offer: Offer, tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    for name in ("pmsipilot-11.4.0.ospi", "pmsipilot-11.5.9.ospi.part", "pmsipilot-11.5.9.ospi.part.etag"):
        (folder / name).write_bytes(b"old")
    run(server, offer, folder)
    assert names(folder) == [offer.filename]


def test_an_arbitrary_file_leaves_nothing(vendor: Vendor, server: Server, offer: Offer, tmp_path: Path) -> None:
    (vendor.folder / "targets" / offer.stored_path).write_bytes(b"x" * offer.size)
    with pytest.raises(FeedError, match="n'est pas celui que l'éditeur a signé"):
        run(server, offer, tmp_path / "feed")
    assert names(tmp_path / "feed") == []


def test_endless_data_stop_at_the_signed_length(server: Server, offer: Offer, tmp_path: Path) -> None:
    def endless(handler: Handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.send(DATA)

    server.behaviour = endless
    with pytest.raises(FeedError, match="plus de données qu'annoncé"):
        run(server, offer, tmp_path / "feed")
    assert names(tmp_path / "feed") == []
    assert server.sent < 10 * offer.size


def trickle_body(handler: Handler) -> bool:
    """One byte at a time, each well before a time-out between two bytes would strike."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.state.stopping.wait(0.05):
        handler.send(b"x")
    return True


def trickle_headers(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.state.stopping.wait(0.05):
        handler.wfile.write(b"X-A: b\r\n"[:1])
    return True


def trickle_chunk_size(handler: Handler) -> bool:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while not handler.state.stopping.wait(0.05):
        handler.wfile.write(b"0")
    return True


def silence(handler: Handler) -> bool:
    handler.state.stopping.wait()
    return True


@pytest.mark.parametrize("behaviour", [trickle_headers, trickle_chunk_size, silence])
def test_slow_retrieval_is_cut(server: Server, offer: Offer, tmp_path: Path, behaviour: Any) -> None:
    server.behaviour = behaviour
    with pytest.raises(FeedError, match="trop lentement"):
        run(server, offer, tmp_path / "feed", replace(QUICK, attempts=2), window=0.4)
    assert len(server.paths) <= 2


def test_a_body_that_trickles_is_cut(server: Server, offer: Offer, tmp_path: Path) -> None:
    """However little came, it counts as a byte: only an attempt that brings no more than another one is a failure in
    a row."""
    server.behaviour = trickle_body
    with pytest.raises(FeedError, match="trop lentement"):
        run(server, offer, tmp_path / "feed", replace(QUICK, attempts=1), silence=2, window=0.4)
    assert len(server.paths) == 1


def test_a_fetch_ends_with_the_night_and_keeps_what_it_has(
    server: Server, offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fast enough at every moment, yet without end in sight."""
    monkeypatch.setattr("ospi_supervisor.feed.fetch.FETCH_SECONDS", 0.5)
    server.behaviour = trickle_body
    with pytest.raises(FeedError, match="trop lentement"):
        run(server, offer, tmp_path / "feed", window=0.2, rate=1)
    assert len(server.paths) == 1
    assert (tmp_path / "feed" / f"{offer.filename}.part").stat().st_size >= 5


@pytest.mark.parametrize(
    ("status", "words", "requests"),
    [(404, "n'est plus sur", 1), (403, "refuse l'accès", 1), (302, "renvoie vers", 1), (503, "code 503", 4)],
)
def test_a_status_has_its_words(
    server: Server, offer: Offer, tmp_path: Path, status: int, words: str, requests: int
) -> None:
    """What may pass is tried again, the rest is not."""

    def refuse(handler: Handler) -> bool:
        handler.answer(status, b"")
        return True

    server.behaviour = refuse
    with pytest.raises(FeedError, match=words):
        run(server, offer, tmp_path / "feed")
    assert len(server.paths) == requests


def test_a_wrong_range_is_not_glued(server: Server, offer: Offer, tmp_path: Path) -> None:
    def glue(handler: Handler) -> bool:
        if "Range" not in handler.headers:
            return False
        handler.answer(206, DATA[:10], {"Content-Range": f"bytes 0-9/{len(DATA)}"})
        return True

    cuts = [1_000_000]
    server.cut_after = lambda: cuts.pop() if cuts else None
    server.behaviour = glue
    assert run(server, offer, tmp_path / "feed").read_bytes() == DATA


def test_too_little_room_is_said_first(server: Server, offer: Offer, tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="manque de la place"):
        run(server, replace(offer, size=10**18), tmp_path / "feed")
    assert server.paths == []


def test_waits_grow_and_are_not_all_the_same() -> None:
    retry = Retry(first=1, longest=8)
    delays = [[retry.delay(failures) for _ in range(50)] for failures in range(1, 7)]
    for failures, some in enumerate(delays, start=1):
        most = min(8, 2 ** (failures - 1))
        assert all(most / 2 <= delay <= most for delay in some)
        assert len(set(some)) > 10
