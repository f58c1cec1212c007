"""A vendor's keys and repository, hospitals that follow it, and a filled one with two customers."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ospi_supervisor.domain.offers import OfferKind
from ospi_supervisor.publisher.customer_area.customers import Customers
from ospi_supervisor.publisher.keys import init_keys
from ospi_supervisor.publisher.publication import publish
from ospi_supervisor.publisher.repository import Repository, current_root, key_signers
from tests.support.archives import build_archive, make_tree
from tests.support.hospital import NOW, Hospital
from tests.support.http_server import Server, serving


def fill(repository: Repository, keys: Path, tmp_path: Path) -> None:
    """Two releases of one product with two deltas of the newer, and a release of another product."""
    for product, version in (("pmsipilot", "11.5.0"), ("pmsipilot", "11.6.0"), ("autre", "2.0.0")):
        tree = make_tree(tmp_path / f"{product}-{version}", {"VERSION": version.encode(), "data": os.urandom(300_000)})
        archive = build_archive(
            tmp_path / "built" / f"{product}-{version}.ospi",
            keys,
            tree,
            product=product,
            version=version,
            requires=">=1.0",
            supported_os=("centos-7", "rocky"),
            expires=NOW + timedelta(days=365),
        )
        full = publish(repository, keys, archive, NOW)
        if version != "11.6.0":
            continue
        with repository.changing(keys, NOW) as state:
            for base in ("11.4.0", "11.5.0"):
                data = b"delta from " + base.encode()
                path = f"pmsipilot/pmsipilot-{base}-to-11.6.0.ospi"
                digest = hashlib.sha256(data).hexdigest()
                delta = replace(full, path=path, kind=OfferKind.DELTA, base=base, size=len(data), sha256=digest)
                repository.store_bytes(data, delta)
                state.add(delta)
            repository.commit(state, key_signers(keys), current_root(keys), NOW)


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, a filled repository and two customers; nothing here is changed by a test."""
    folder = tmp_path_factory.mktemp("vendor")
    init_keys(folder / "keys", NOW)
    fill(Repository(folder / "repository"), folder / "keys", folder)
    customers = Customers(folder / "customers.json")
    customers.put("chu-lyon", "mot de passe", {"pmsipilot": "11.5.0"})
    customers.put("clinique", "autre secret", {"autre": None})
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    init_keys(tmp_path / "keys", NOW)
    return tmp_path / "keys"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def server(repository: Repository) -> Iterator[Server]:
    with serving(repository.folder) as server:
        yield server


@pytest.fixture
def hospital(tmp_path: Path, keys: Path) -> Hospital:
    return Hospital((keys / "root.json").read_bytes(), tmp_path / "hospital")
