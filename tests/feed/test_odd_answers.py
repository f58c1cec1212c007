"""Answers in the archive's place: a portal's page, another file, odd ranges. None costs what was received before."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ospi_supervisor.domain.offers import Offer
from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed.fetch import Retry, fetch
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.deadlines import Limits
from tests.support.http_server import Handler, Server
from tests.support.looking import run as look
from tests.support.vendor import Vendor

QUICK = Retry(first=0.001, longest=0.002, attempts=3)
DATA = bytes(range(256)) * 1200
RECEIVED = 100_000
PAGE = b"<!DOCTYPE html><title>Connexion</title>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path / "vendor")


@pytest.fixture
def offer(vendor: Vendor) -> Offer:
    return vendor.add("11.6.0", DATA)


@pytest.fixture
def part(server: Server, offer: Offer, tmp_path: Path) -> Path:
    """What a first night received before the line was cut."""
    server.cut_after = lambda: RECEIVED
    with pytest.raises(FeedError, match="a été coupée"):
        run(server, offer, tmp_path, attempts=1)
    server.cut_after = lambda: None
    server.paths.clear()
    found = tmp_path / "feed" / f"{offer.filename}.part"
    assert found.stat().st_size == RECEIVED
    return found


def run(server: Server, offer: Offer, folder: Path, **retry: int) -> Path:
    transport = Transport(limits=Limits(connect=10, silence=30, window=30))
    patience = replace(QUICK, **retry)
    feed = folder / "feed"
    return fetch(transport, server.url, offer, feed, progress=lambda _: None, check=lambda: None, retry=patience)


def start_of(handler: Handler) -> int:
    return int(handler.headers.get("Range", "bytes=0-")[len("bytes=") : -1])


def ranged(handler: Handler, body: bytes, first: object, whole: object) -> bool:
    handler.answer(206, body, {"Content-Range": f"bytes {first}-{len(DATA) - 1}/{whole}"})
    return True


def page(handler: Handler) -> bool:
    handler.answer(200, PAGE, HTML)
    return True


def endless_page(handler: Handler) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    handler.wfile.write(PAGE)
    return True


def page_as_a_range(handler: Handler) -> bool:
    handler.answer(206, PAGE, HTML | {"Content-Range": f"bytes {start_of(handler)}-{len(DATA) - 1}/{len(DATA)}"})
    return True


def another_file(handler: Handler) -> bool:
    handler.answer(200, b"x" * 5000)
    return True


def range_of_another_file(handler: Handler) -> bool:
    return ranged(handler, b"x" * 5000, start_of(handler), 999_999)


NO_REPOSITORY, NOT_SIGNED = "n'est pas celle d'un dépôt", "n'est pas celui que l'éditeur a signé"
ANOTHERS = [
    (page, NO_REPOSITORY),
    (endless_page, NO_REPOSITORY),
    (page_as_a_range, NO_REPOSITORY),
    (another_file, NOT_SIGNED),
    (range_of_another_file, NOT_SIGNED),
]


@pytest.mark.parametrize(("answer", "words"), ANOTHERS, ids=lambda value: getattr(value, "__name__", None))
def test_what_says_that_it_is_something_else_costs_nothing(
    server: Server, offer: Offer, tmp_path: Path, part: Path, answer: Callable[[Handler], bool], words: str
) -> None:
    server.behaviour = answer
    with pytest.raises(FeedError, match=words) as caught:
        run(server, offer, tmp_path)
    assert caught.value.later == (words == NO_REPOSITORY)
    assert (part.stat().st_size, len(server.paths)) == (RECEIVED, 1)
    server.behaviour, server.sent = None, 0
    assert run(server, offer, tmp_path).read_bytes() == DATA
    assert server.sent < len(DATA), "the rest, and what the refused answer may have sent since"


def test_a_server_that_gives_less_than_asked_for_is_asked_for_the_rest(
    server: Server, offer: Offer, tmp_path: Path, part: Path
) -> None:
    """HTTP lets it: caches that keep files in slices do it."""

    def slice_of(handler: Handler) -> bool:
        start = start_of(handler)
        return ranged(handler, DATA[start : start + 30_000], start, len(DATA))

    server.behaviour = slice_of
    assert run(server, offer, tmp_path).read_bytes() == DATA
    assert len(server.paths) == 7


def test_ranges_that_no_number_holds_are_no_ranges(server: Server, offer: Offer, tmp_path: Path, part: Path) -> None:
    server.behaviour = lambda handler: "Range" in handler.headers and ranged(handler, b"x", "9" * 5000, len(DATA))
    assert run(server, offer, tmp_path).read_bytes() == DATA


def no_range_at_all(handler: Handler) -> bool:
    handler.answer(416, b"")
    return True


def beyond(handler: Handler) -> bool:
    return ranged(handler, b"x", start_of(handler) + 10, len(DATA))


@pytest.mark.parametrize("answer", [no_range_at_all, beyond])
def test_what_is_never_the_part_that_was_asked_for_is_told_as_that(
    server: Server, offer: Offer, tmp_path: Path, answer: Callable[[Handler], bool]
) -> None:
    server.behaviour = answer
    with pytest.raises(FeedError, match="n'envoie pas la partie demandée") as caught:
        run(server, offer, tmp_path)
    assert caught.value.transient


@pytest.mark.parametrize("name", ["timestamp.json", "2.root.json"])
def test_a_page_is_told_as_one_however_long_it_is(vendor: Vendor, server: Server, tmp_path: Path, name: str) -> None:
    """Longer than such metadata may be, as portals' pages are."""
    vendor.publish()
    vendor.rotate()
    (vendor.metadata / name).write_bytes(b"\r\n" + PAGE * 3000)
    with pytest.raises(FeedError, match=NO_REPOSITORY) as caught:
        look(server, vendor, tmp_path / "state")
    assert caught.value.later


@pytest.mark.parametrize("status", [400, 412, 416, 431])
def test_a_server_that_refuses_to_go_on_is_asked_for_the_whole(
    server: Server, offer: Offer, tmp_path: Path, part: Path, status: int
) -> None:
    """Else it would refuse every night the same."""

    def refuse(handler: Handler) -> bool:
        refused = "Range" in handler.headers
        if refused:
            handler.answer(status, b"")
        return refused

    server.behaviour = refuse
    assert run(server, offer, tmp_path).read_bytes() == DATA
    assert len(server.paths) == 2


@pytest.mark.parametrize("etag", ['"' + "x" * 9000 + '"', '"\xe9\xff"', 'W/"a"', "a", '"a b"'])
def test_an_etag_that_servers_would_refuse_is_not_kept(server: Server, offer: Offer, tmp_path: Path, etag: str) -> None:
    """One odd answer must not be sent back for good."""

    def answer(handler: Handler) -> bool:
        handler.send_response(200)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA[:5000])
        return True

    server.behaviour = answer
    with pytest.raises(FeedError, match="a été coupée"):
        run(server, offer, tmp_path, attempts=1)
    server.behaviour = None
    assert run(server, offer, tmp_path).read_bytes() == DATA
    assert "If-Range" not in server.headers[-1]
