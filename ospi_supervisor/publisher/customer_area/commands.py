"""`ospi-release serve` and `ospi-release customer`: the customer area and who may enter it."""

import re
import socket
from pathlib import Path
from typing import Any

import click
from waitress.channel import HTTPChannel
from waitress.server import create_server

from ospi_supervisor.domain.versions import parse_version
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.customer_area.app import make_area
from ospi_supervisor.publisher.customer_area.customers import Customers
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.system.connections import CONNECTIONS_MAX, TimedChannel, have_channels
from ospi_supervisor.system.console import read_password

THREADS = 16
_LONGEST_FORM = 64 * 1024

_CUSTOMERS = click.option(
    "--customers",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fichier des clients, tenu par « customer ».",
)


class AreaChannel(TimedChannel, HTTPChannel):
    """A visitor's connection."""


def _listening_address(context: click.Context, option: click.Parameter, text: str) -> str:
    """`text` where it names an address; waitress takes a port that is too large for another one."""
    form = re.fullmatch(r"(\[[^\]]+\]|[^\s:]+):([0-9]{1,5})", text)
    if form is None or int(form[2]) > 65535:
        raise click.BadParameter(f"« {text} » : attendu HÔTE:PORT, par exemple 127.0.0.1:8820")
    try:
        socket.getaddrinfo(form[1].strip("[]"), form[2])
    except OSError as error:
        raise click.BadParameter(f"« {form[1]} » ne mène à aucune adresse") from error
    return text


@click.command(name="serve")
@click.option("--repository", required=True, type=click.Path(file_okay=False, path_type=Path), help="Dossier du dépôt.")
@_CUSTOMERS
@click.option("--listen", default="127.0.0.1:8820", show_default=True, metavar="HÔTE:PORT", callback=_listening_address)
@click.option(
    "--accel", metavar="ADRESSE", help="Adresse interne de nginx pour le dossier « targets » (X-Accel-Redirect)."
)
@click.option(
    "--trusted-proxy", default="127.0.0.1", show_default=True, help="Adresse du serveur web placé devant, s'il y en a."
)
@click.option("--private", is_flag=True, help="Réserve les archives du dépôt aux clients (identifiant, mot de passe).")
@clear_errors
def serve_command(
    repository: Path, customers: Path, listen: str, accel: str | None, trusted_proxy: str, private: bool
) -> None:
    """Présente l'Espace utilisateur, et le dépôt sous /repository/."""
    Customers(customers).all()  # a damaged file is said now, not to the first visitor
    app = make_area(Repository(repository), Customers(customers), accel=accel, private=private)
    click.echo(f"Espace utilisateur : http://{listen}/   dépôt : http://{listen}/repository/")
    dispatchers: dict[int, Any] = {}
    server = create_server(
        app,
        map=dispatchers,
        listen=listen,
        threads=THREADS,
        max_request_body_size=_LONGEST_FORM,
        trusted_proxy=trusted_proxy,
        trusted_proxy_headers={"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        clear_untrusted_proxy_headers=True,
        ident=None,
        connection_limit=CONNECTIONS_MAX,
        asyncore_use_poll=True,
    )
    have_channels(dispatchers, AreaChannel)
    server.run()


@click.group(name="customer")
def customer_group() -> None:
    """Les clients de l'Espace utilisateur."""


@customer_group.command(name="add")
@click.argument("name")
@click.option(
    "--product",
    "products",
    multiple=True,
    required=True,
    metavar="PRODUIT[=VERSION]",
    help="Produit du client, et la version qu'il a installée si elle est connue.",
)
@_CUSTOMERS
@clear_errors
def add_command(name: str, products: tuple[str, ...], customers: Path) -> None:
    """Ajoute un client, ou remplace son mot de passe (lu sur l'entrée standard) et ses produits."""
    Customers(customers).put(name, read_password(), dict(_parse_product(text) for text in products))
    click.echo(f"client « {name} » enregistré")


@customer_group.command(name="list")
@_CUSTOMERS
@clear_errors
def list_command(customers: Path) -> None:
    """Liste les clients et leurs produits."""
    for name, customer in sorted(Customers(customers).all().items()):
        products = (f"{product} {version or ''}".strip() for product, version in customer.products.items())
        renew = " (mot de passe à remplacer : « customer add »)" if customer.must_renew else ""
        click.echo(f"{name} : {', '.join(products)}{renew}")


@customer_group.command(name="remove")
@click.argument("name")
@_CUSTOMERS
@clear_errors
def remove_command(name: str, customers: Path) -> None:
    """Retire un client ; ses sessions s'arrêtent."""
    Customers(customers).remove(name)
    click.echo(f"client « {name} » retiré")


def _parse_product(text: str) -> tuple[str, str | None]:
    product, _, version = text.partition("=")
    return product, str(parse_version(version)) if version else None


AREA_COMMANDS = (serve_command, customer_group)
