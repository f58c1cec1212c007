"""`python -m benchmarks scale`: what a release night costs the vendor, from real clients of a repository under nginx.

Each simulated server makes the very requests of a hospital's night: the connection's test, the signed metadata, then
the delta. nginx' own log counts them. Writes `docs/echelle.md`.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from demo.prepare import free_port
from ospi_supervisor.domain.offers import Offer, OfferKind, best_offer
from ospi_supervisor.domain.words import size as size_words
from ospi_supervisor.feed.fetch import fetch
from ospi_supervisor.feed.probe import probe
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.publisher.keys import init_keys
from ospi_supervisor.publisher.repository import Repository, current_root, key_signers

RESULTS = Path(__file__).parents[1] / "docs" / "echelle.md"
PRODUCT, OLD, NEW = "pmsipilot", "11.5.0", "11.6.0"
FULL_BYTES, DELTA_BYTES = 197_000_000, 6_300_000
"""A full archive and its delta, as measured on a real pair of releases (763 MB unpacked)."""

HOSPITALS, JITTER_SECONDS, CLIENTS, SERVERS = 5000, 7200, 8, 100
NGINX = """
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    sendfile on;
    log_format bytes '$request_uri $status $bytes_sent'; access_log {folder}/access.log bytes;
    server {{ listen 127.0.0.1:{port}; location /repository/ {{ alias {folder}/repository/; }} }}
}}
"""


PAGE = """# À l'échelle : ce qu'une nuit coûte à l'éditeur

Écrit par `python -m benchmarks scale` : {simulated} serveurs simulés, {clients} à la fois, chacun avec le vrai
client (test de la liaison, métadonnées signées, archive), contre le dépôt présenté par nginx, un processus, sur la
même machine. Requêtes et octets sont ceux du journal de nginx ; le chiffrement TLS n'y est pas, et ajoute quelques
kilooctets. L'archive complète compte {full_size} et la différentielle {delta_size}, comme
celles d'une vraie paire de versions.

| nuit d'un serveur | requêtes | octets envoyés |
|---|---|---|
| la première | {first} |
| sans nouvelle version | {usual} |
| avec une nouvelle version, par la différentielle | {release} |

Le banc, clients compris, a fait {checks_a_second:.0f} vérifications et \
{megabytes_a_second:.0f} Mo par seconde : c'est un minorant de ce que nginx sait faire.

## {hospitals} hôpitaux

| nuit | total | débit moyen avec le retard de 2 h | si tous venaient dans la même minute |
|---|---|---|---|
{row_usual}
{row_delta}
{row_full}

Avec le retard, {hospitals} serveurs font en moyenne {passes_a_second} passage par seconde, soit
{requests_a_second} requêtes par seconde une nuit de publication.

- **Avec la différentielle et le retard**, un petit serveur (un processus nginx, une liaison à 100 Mbit/s) suffit.
- **Sans la différentielle**, il faut une liaison de plusieurs Gbit/s, ou un réseau de diffusion (CDN) : tout y est
  mis en cache sans limite de durée, sauf `timestamp.json`, qui pèse moins d'un kilooctet.
- **Sans le retard**, la même nuit demande {times} fois plus de débit pendant une minute ; ceux qui
  n'aboutissent pas réessaient, chacun après une attente tirée au sort.

**Un déploiement par paliers** (`publish --rollout`) ne coûte rien de plus : parts et dates sont dans la liste que
chaque serveur lit déjà, et chacun calcule sa place lui-même. Il étale en revanche les téléchargements : avec 1 %, 10 %
et 100 % aux jours 0, 2 et 5, la nuit la plus chargée envoie les neuf dixièmes de ce qu'une publication d'un coup
enverrait. Un serveur dont le dépôt répond 503 le redemande, par une requête, de plus en plus rarement : une vingtaine
de fois en quatre heures.

Un serveur dont la version installée n'est pas exactement celle qui a été diffusée (des fichiers y ont été ajoutés ou
modifiés) prend l'archive complète : comptez la part de vos clients qui sont dans ce cas.
"""


@dataclass(frozen=True)
class Cost:
    """What servers asked for together, how many they were, and how long it took with `CLIENTS` at a time."""

    servers: int
    requests: int
    sent: int
    seconds: float


class Vendor:
    """The repository in `folder`, served by nginx."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}/repository/"
        self.root = (folder / "keys" / "root.json").read_bytes()

    def night(self, number: int, *, with_archive: bool) -> None:
        """One server's night."""
        state, transport = self.folder / "hospitals" / str(number), Transport()
        found = probe(transport, self.url, state, self.root)
        if found.catalogue is None:
            raise RuntimeError(next(link.error for link in found.links if link.error))
        offer = best_offer(found.catalogue.offers, product=PRODUCT, installed=OLD, os_id="rocky", os_version="9")
        if with_archive and offer is not None:
            place = self.folder / "archives" / str(number)
            fetch(transport, self.url, offer, place, progress=lambda percent: None, check=lambda: None).unlink()

    def cost(self, *, with_archive: bool) -> Cost:
        """The night of `SERVERS` servers, counted by nginx."""
        log = self.folder / "access.log"
        before, started = len(log.read_text().splitlines()), time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(lambda number: self.night(number, with_archive=with_archive), range(SERVERS)):
                continue
        seconds = time.monotonic() - started
        lines = log.read_text().splitlines()[before:]
        return Cost(SERVERS, len(lines), sum(int(line.rpartition(" ")[2]) for line in lines), seconds)


def publish_sizes(folder: Path) -> None:
    """A repository whose archives have the sizes of real ones; what is in them does not matter here."""
    now, keys = datetime.now(UTC), folder / "keys"
    init_keys(keys, now)
    repository = Repository(folder / "repository")
    with repository.changing(keys, now) as state:
        for kind, size, base in ((OfferKind.FULL, FULL_BYTES, None), (OfferKind.DELTA, DELTA_BYTES, OLD)):
            source = folder / kind
            source.write_bytes(os.urandom(1_000_000) * (size // 1_000_000) + bytes(size % 1_000_000))
            offer = Offer(
                path=f"{PRODUCT}/{PRODUCT}-{kind}-{NEW}.ospi",
                size=size,
                sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
                kind=kind,
                product=PRODUCT,
                version=NEW,
                date=date(2026, 6, 1),
                base=base,
            )
            repository.store(source, offer)
            state.add(offer)
        repository.commit(state, key_signers(keys), current_root(keys), now)
        repository.add_roots(keys)


@contextmanager
def vendor() -> Iterator[Vendor]:
    """The repository under a real nginx of one process."""
    with tempfile.TemporaryDirectory(prefix="echelle-") as name:
        folder, port = Path(name), free_port()
        publish_sizes(folder)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command)
        try:
            while not (folder / "pid").exists():
                if process.poll() is not None:
                    raise RuntimeError((folder / "error.log").read_text())
                time.sleep(0.05)
            yield Vendor(folder, port)
        finally:
            process.terminate()
            process.wait()


def number(value: float) -> str:
    """A number as the French write it, with one decimal below a hundred."""
    text = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return text.removesuffix(".0").replace(",", " ").replace(".", ",")


def report(first: Cost, usual: Cost, release: Cost) -> str:
    """The page, from the three nights that were measured."""
    check_bytes = usual.sent / usual.servers
    by_delta, by_full = release.sent / release.servers, check_bytes + FULL_BYTES

    def row(night: str, size: float) -> str:
        rates = (number(HOSPITALS * size * 8 / seconds / 1e6) for seconds in (JITTER_SECONDS, 60))
        return f"| {night} | {size_words(round(HOSPITALS * size))} | {' Mbit/s | '.join(rates)} Mbit/s |"

    def per_server(cost: Cost) -> str:
        return f"{number(cost.requests / cost.servers)} | {size_words(round(cost.sent / cost.servers))}"

    rate = HOSPITALS / JITTER_SECONDS
    return PAGE.format(
        simulated=SERVERS,
        clients=CLIENTS,
        hospitals=HOSPITALS,
        full_size=size_words(FULL_BYTES),
        delta_size=size_words(DELTA_BYTES),
        first=per_server(first),
        usual=per_server(usual),
        release=per_server(release),
        checks_a_second=usual.servers / usual.seconds,
        megabytes_a_second=release.sent / release.seconds / 1e6,
        row_usual=row("sans nouvelle version", check_bytes),
        row_delta=row("nouvelle version, différentielle", by_delta),
        row_full=row("nouvelle version, archive complète", by_full),
        passes_a_second=number(rate),
        requests_a_second=number(rate * release.requests / release.servers),
        times=JITTER_SECONDS // 60,
    )


def main() -> int:
    """Measure three nights and write the page."""
    with vendor() as measured:
        nights = [measured.cost(with_archive=with_archive) for with_archive in (False, False, True)]
    text = report(*nights)
    RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0
