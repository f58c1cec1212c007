"""What is published is offered, an old client follows the roots; a server that fails or stalls is told as such."""

from pathlib import Path

import pytest

from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed.catalogue import Catalogue
from tests.support.http_server import Handler, Server, serving
from tests.support.looking import run
from tests.support.vendor import Vendor


def paths(catalogue: Catalogue) -> list[str]:
    return sorted(offer.path for offer in catalogue.offers)


def test_what_is_published_is_offered(server: Server, vendor: Vendor, state: Path) -> None:
    catalogue = run(server, vendor, state)
    assert paths(catalogue) == ["pmsipilot/pmsipilot-11.5.0-to-11.6.0.ospi", "pmsipilot/pmsipilot-11.6.0.ospi"]
    assert catalogue.fresh_until == vendor.timestamp.expires
    assert catalogue.newest_root == vendor.first_root


def test_a_second_check_fetches_the_timestamp_only(server: Server, vendor: Vendor, state: Path) -> None:
    run(server, vendor, state)
    server.paths.clear()
    run(server, vendor, state)
    assert server.paths == ["/metadata/2.root.json", "/metadata/timestamp.json"]


def test_the_root_is_rotated_three_times_and_an_old_client_follows(server: Server, vendor: Vendor, state: Path) -> None:
    """Both a client that knew only the first root, and one that had seen the repository before."""
    run(server, vendor, state)
    for _ in range(3):
        newest = vendor.rotate()
    vendor.publish()
    for place in (state, state.with_name("fresh")):
        catalogue = run(server, vendor, place)
        assert catalogue.newest_root == newest
        assert Trust(catalogue.newest_root).version == 4


def test_a_rotated_root_extends_the_trust_in_archives(
    server: Server, vendor: Vendor, state: Path, tmp_path: Path
) -> None:
    vendor.rotate()
    vendor.publish()
    trust = Trust(vendor.first_root)
    kept = tmp_path / "kept"
    kept.mkdir()
    trust.save(kept, run(server, vendor, state).newest_root)
    initial = tmp_path / "root.json"
    initial.write_bytes(vendor.first_root)
    assert Trust.load(initial, kept).version == 2


def trickle(handler: Handler) -> bool:
    handler.send_response(200)
    handler.end_headers()
    while not handler.state.stopping.wait(0.05):
        handler.send(b"{")
    return True


def test_slow_retrieval_is_cut(server: Server, vendor: Vendor, state: Path) -> None:
    server.behaviour = trickle
    with pytest.raises(FeedError, match="trop lentement") as caught:
        run(server, vendor, state, patience=0.4)
    assert caught.value.transient


def test_a_server_that_is_down_is_said_so(vendor: Vendor, state: Path) -> None:
    with serving(vendor.folder) as server:
        pass
    with pytest.raises(FeedError, match="refuse la connexion"):
        run(server, vendor, state)


def test_a_folder_that_cannot_be_written_is_told(server: Server, vendor: Vendor, state: Path) -> None:
    state.write_bytes(b"in the way")
    with pytest.raises(FeedError, match=r"ne peuvent pas être écrites dans .*existe déjà.*vérifiez ce disque"):
        run(server, vendor, state)
