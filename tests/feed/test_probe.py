"""Each link of the connection: its time, or its error and remedy, with real TLS and a real proxy."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ospi_supervisor.errors import FeedError
from ospi_supervisor.feed.catalogue import check
from ospi_supervisor.feed.probe import Link, Probe, probe
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.system.deadlines import Limits
from tests.support.certificates import Authority
from tests.support.http_proxy import Proxy, proxying
from tests.support.http_server import Handler, serving
from tests.support.vendor import Vendor

LIMITS = Limits(connect=2, silence=1, window=1)
ORDER = ["name", "tcp", "proxy", "tls", "http", "metadata"]


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    vendor = Vendor(tmp_path / "vendor")
    vendor.add("11.6.0", b"full")
    vendor.publish()
    return vendor


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxying() as proxy:
        yield proxy


def run(vendor: Vendor, url: str, transport: Transport | None = None) -> Probe:
    state = vendor.folder.parent / "state"
    return probe(transport or Transport(limits=LIMITS), url, state, vendor.first_root)


def broken(found: Probe) -> Link:
    """The one broken link; those before it hold, those after it were not tested."""
    assert [link.name for link in found.links] == ORDER
    (position,) = [number for number, link in enumerate(found.links) if link.error]
    assert all(link.seconds is not None for link in found.links[: position + 1])
    assert all(link.detail == "non testé" and link.seconds is None for link in found.links[position + 1 :])
    assert found.links[position].remedy
    assert found.catalogue is None
    return found.links[position]


def test_every_link_holds_over_tls(vendor: Vendor, authority: Authority) -> None:
    with serving(vendor.folder, authority.server()) as server:
        found = run(vendor, server.url, Transport(ca_bundle=authority.path, limits=LIMITS))
    assert [link.name for link in found.links if link.error] == []
    assert all(link.seconds is not None for link in found.links)
    details = {link.name: link.detail for link in found.links}
    assert details["name"] == "127.0.0.1 : 127.0.0.1"
    assert details["proxy"] == "aucun"
    assert details["tls"] == "certificat émis par Autorité du CHU, Racine"
    assert details["http"] == "code 200"
    assert details["metadata"].startswith("fichiers signés : 1, valables jusqu'au ")
    assert found.catalogue is not None
    assert [offer.version for offer in found.catalogue.offers] == ["11.6.0"]


@pytest.mark.parametrize("secure", [True, False])
def test_every_link_holds_through_a_proxy_with_a_password(
    vendor: Vendor, authority: Authority, proxy: Proxy, tmp_path: Path, secure: bool
) -> None:
    proxy.credentials = "chu lyon:s3cr@t"
    (tmp_path / "password").write_text("s3cr@t\n")
    transport = Transport(
        proxy=proxy.url.replace("//", "//chu%20lyon@"),
        proxy_password_file=tmp_path / "password",
        ca_bundle=authority.path,
        limits=LIMITS,
    )
    with serving(vendor.folder, authority.server() if secure else None) as server:
        found = run(vendor, server.url, transport)
        assert [link.error for link in found.links if link.error] == []
        assert found.catalogue is not None
        assert proxy.requests
        assert all(f"127.0.0.1:{server.port}" in request for request in proxy.requests)


def test_a_name_that_does_not_exist(vendor: Vendor) -> None:
    link = broken(run(vendor, "https://absent.invalid/"))
    assert (link.name, link.error) == ("name", "le nom absent.invalid est introuvable")


def test_nobody_listens(vendor: Vendor) -> None:
    with serving(vendor.folder) as server:
        pass
    link = broken(run(vendor, server.url))
    assert (link.name, link.error) == ("tcp", "127.0.0.1 refuse la connexion")
    assert "pare-feu" in link.remedy


def test_a_firewall_swallows_the_packets(vendor: Vendor) -> None:
    """A listener whose queue is full answers no further connection, as a firewall does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(address)
        link = broken(run(vendor, f"https://127.0.0.1:{address[1]}/", Transport(limits=Limits(connect=0.3))))
        for one in crowd:
            one.close()
    assert (link.name, link.error) == ("tcp", "127.0.0.1 ne répond pas dans le délai")


@pytest.mark.parametrize(
    ("start", "end", "address", "words"),
    [
        (-2, -1, "127.0.0.1", "le certificat de 127.0.0.1 a expiré"),
        (1, 2, "127.0.0.1", "le certificat de 127.0.0.1 n'est pas encore valable"),
        (-1, 1, "127.0.0.2", "le certificat présenté n'est pas celui de 127.0.0.1"),
    ],
)
def test_a_bad_certificate(
    vendor: Vendor, authority: Authority, start: int, end: int, address: str, words: str
) -> None:
    with serving(vendor.folder, authority.server(address, start=start, end=end)) as server:
        link = broken(run(vendor, server.url, Transport(ca_bundle=authority.path, limits=LIMITS)))
        assert (link.name, link.error) == ("tls", f"{words} (émis par Autorité du CHU, Racine)")
        with pytest.raises(FeedError, match=words):
            check(
                Transport(ca_bundle=authority.path, limits=LIMITS),
                server.url,
                vendor.folder.parent / "state",
                vendor.first_root,
            )


def test_an_intercepting_authority_is_named(vendor: Vendor, authority: Authority, tmp_path: Path) -> None:
    interceptor = Authority(tmp_path / "interceptor", "Filtre web")
    with serving(vendor.folder, interceptor.server()) as server:
        link = broken(run(vendor, server.url, Transport(ca_bundle=authority.path, limits=LIMITS)))
    assert link.name == "tls"
    assert "inconnue (émis par Filtre web, Racine)" in link.error
    assert "ca_bundle" in link.remedy


@pytest.mark.parametrize(
    ("good", "odd"),
    [
        (b"\x0c\x06Racine", b"\x14\x06Racin\xe9"),  # a T61String in Latin-1
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"),  # version 8
    ],
)
def test_an_odd_certificate_is_refused_all_the_same(
    vendor: Vendor, authority: Authority, good: bytes, odd: bytes
) -> None:
    path = authority.server()
    key, begin, certificate = path.read_text().partition("-----BEGIN CERTIFICATE-----")
    der = ssl.PEM_cert_to_DER_cert(begin + certificate).replace(good, odd, 1)
    path.write_text(key + ssl.DER_cert_to_PEM_cert(der))
    with serving(vendor.folder, path) as server:
        link = broken(run(vendor, server.url, Transport(ca_bundle=authority.path, limits=LIMITS)))
    assert link.name == "tls"
    assert link.error.endswith("(émis par un inconnu)")


def test_no_tls_on_that_port(vendor: Vendor) -> None:
    with serving(vendor.folder) as server:
        link = broken(run(vendor, server.url.replace("http:", "https:")))
    assert link.name == "tls"
    assert link.error.startswith("pas de liaison chiffrée possible avec 127.0.0.1")


def test_a_proxy_that_wants_a_password(vendor: Vendor, authority: Authority, proxy: Proxy) -> None:
    proxy.credentials = "chu:secret"
    with serving(vendor.folder, authority.server()) as server:
        link = broken(run(vendor, server.url, Transport(proxy=proxy.url, limits=LIMITS)))
    assert (link.name, link.error) == ("proxy", "le proxy demande un identifiant et un mot de passe justes")
    with serving(vendor.folder) as server:
        link = broken(run(vendor, server.url, Transport(proxy=proxy.url, limits=LIMITS)))
    assert (link.name, link.error) == ("http", "le proxy demande un identifiant et un mot de passe justes")


def test_a_proxy_that_forbids_the_address(vendor: Vendor, proxy: Proxy) -> None:
    proxy.refusal = 403
    link = broken(run(vendor, "https://127.0.0.1:9/", Transport(proxy=proxy.url, limits=LIMITS)))
    assert (link.name, link.error) == ("proxy", "le proxy refuse l'accès à 127.0.0.1 (code 403)")


def test_a_proxy_that_is_none(vendor: Vendor) -> None:
    """Another service listens there: no code is told that nobody sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def greet() -> None:
            with suppress(OSError), listener.accept()[0] as taken:
                taken.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

        answering = threading.Thread(target=greet)
        answering.start()
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        link = broken(run(vendor, "https://127.0.0.1:9/", Transport(proxy=proxy, limits=LIMITS)))
        answering.join()
    assert (link.name, link.error) == ("proxy", "ce qui répond pour 127.0.0.1 n'est pas un serveur HTTP")


def test_a_proxy_that_is_down(vendor: Vendor) -> None:
    with proxying() as proxy:
        pass
    link = broken(run(vendor, "https://127.0.0.1:9/", Transport(proxy=proxy.url, limits=LIMITS)))
    assert (link.name, link.error) == ("tcp", "127.0.0.1 refuse la connexion")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "renvoie vers une autre adresse"),
        (403, "refuse l'accès (code 403)"),
        (404, "n'est plus sur 127.0.0.1"),
        (500, "ne peut pas répondre (code 500)"),
    ],
)
def test_a_status_that_is_no_success(vendor: Vendor, status: int, words: str) -> None:
    def refuse(handler: Handler) -> bool:
        handler.answer(status, b"")
        return True

    with serving(vendor.folder) as server:
        server.behaviour = refuse
        link = broken(run(vendor, server.url))
    assert link.name == "http"
    assert words in link.error


def test_a_repository_that_cannot_be_trusted(vendor: Vendor) -> None:
    vendor.publish(target_signers=vendor.signers["targets"][2:])
    with serving(vendor.folder) as server:
        link = broken(run(vendor, server.url))
    assert (link.name, link.error) == ("metadata", "le dépôt n'est pas signé par les clés de l'éditeur")


def test_a_server_that_never_ends_its_handshake(vendor: Vendor) -> None:
    """Bytes keep coming, so that no time-out between two of them strikes: the watch does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        ended = threading.Event()

        def trickle() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                connection.sendall(b"\x16\x03\x03\x40\x00")
                while not ended.wait(0.1):
                    connection.sendall(b"\x02")

        thread = threading.Thread(target=trickle)
        thread.start()
        link = broken(run(vendor, f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        ended.set()
        thread.join()
    assert (link.name, link.error) == ("tls", "127.0.0.1 envoie les données trop lentement")
