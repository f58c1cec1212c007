"""What a look can tell of how the platform runs: what is declared as one of its services, and where it is asked."""

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from ospi_supervisor import VERSION_OF_WEB
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.prerequisites import Obstacle
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform.drivers import full_name
from ospi_supervisor.platform.health import Health

_OF_DATABASES = re.compile(r"(postgresql(@.+|-\d+(\.\d+)?)?|pgbouncer(@.+)?|patroni|pgpool(-II)?(-\d+)?)\.service")
"""The units that Debian's, Red Hat's and PostgreSQL's own packages bring."""
_SUPERVISOR = "/superviseur/connexion"


def obstacles_of_services(config: Config) -> Iterator[Obstacle]:
    """What would be found once the services are stopped, or asked for behind the maintenance page."""
    yield from _databases(config)
    yield from _health(config)


def _databases(config: Config) -> Iterator[Obstacle]:
    """What is needed while the services are stopped is none of them."""
    if all(table.sqlite_file is not None for table in config.platform.databases):
        return
    units = [full_name(service.systemd) for service in config.platform.services if service.systemd]
    for unit in filter(_OF_DATABASES.fullmatch, units):
        yield Obstacle(
            rule="services",
            label=f"Service {unit}",
            measured="déclaré parmi les services de la plateforme, donc arrêté pendant une mise à jour",
            required="en marche : les bases sont copiées, migrées et restaurées par lui",
            remedy="Retirez-le de platform.services.",
        )


def _health(config: Config) -> Iterator[Obstacle]:
    """Where the supervisor answers too, it is the reverse proxy that is asked: it would answer by the page."""
    parts = urlsplit(config.platform.health_url)
    with suppress(PlatformError):  # the platform does not answer there: other rules say so
        answer = Health(config.platform).answer(f"{parts.scheme}://{parts.netloc}{_SUPERVISOR}")
        if VERSION_OF_WEB in answer.headers:
            yield Obstacle(
                rule="health",
                label=f"Adresse {config.platform.health_url}",
                measured="celle du serveur mandataire, qui y montrera la page de maintenance",
                required="celle de la plateforme elle-même",
                remedy="Corrigez platform.health_url : l'adresse et le port où la plateforme écoute.",
            )
