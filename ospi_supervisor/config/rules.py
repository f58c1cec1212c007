"""What the configuration's types alone cannot say, each in the administrator's words."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ospi_supervisor.config.backup_tables import BackupTable
    from ospi_supervisor.config.tables import Config, MailTable

LAST_PORT = 65535


def problems(config: "Config") -> Iterator[str]:
    """What is wrong with it, one sentence each."""
    yield from _of_platform(config)
    yield from _of_addresses(config)
    yield from _of_mail(config.mail)
    yield from _of_backup(config.backup)
    yield from config.calendar.problems()


def _of_platform(config: "Config") -> Iterator[str]:
    services = config.platform.services
    for service in services:
        commands = (service.start, service.stop, service.status)
        if (service.systemd is None) == (None in commands) or (service.systemd and any(commands)):
            yield (
                f"le service « {service.name} » demande soit « systemd », soit les trois commandes « start », « stop »"
                " et « status »"
            )
    yield from (f"deux services du nom « {name} »" for name in _twice(service.name for service in services))
    databases = config.platform.databases
    yield from (f"deux bases du nom « {name} »" for name in _twice(database.name for database in databases))


def _is_url(text: str | None) -> bool:
    """Whether the library can take `text` apart: over some brackets and ports it raises, when asked for them."""
    try:
        return (urlsplit(text or "").port or 0) <= LAST_PORT
    except ValueError:
        return False


def _of_addresses(config: "Config") -> Iterator[str]:
    if not re.fullmatch(r"(/[a-z0-9-]+)+", config.supervisor.url_prefix):
        yield "« supervisor.url_prefix » doit être de la forme /superviseur"
    own, platform = config.supervisor.public_url, config.platform.public_url
    addresses = {"supervisor.public_url": own, "platform.public_url": platform}
    addresses["platform.health_url"] = config.platform.health_url
    addresses |= {f"platform.databases, {database.name} : url": database.url for database in config.platform.databases}
    yield from (f"« {key} » n'est pas une adresse ; vérifiez-la" for key, url in addresses.items() if not _is_url(url))
    if own is not None and _is_url(platform) and urlsplit(own).hostname == urlsplit(platform).hostname:
        yield (
            "« supervisor.public_url » doit nommer un autre hôte que « platform.public_url » : un autre port ne sépare"
            " pas les cookies ; ou retirez cette clé"
        )
    listen = re.fullmatch(r".+:([0-9]{1,5})", config.supervisor.listen)
    if listen is None or int(listen[1]) > LAST_PORT:  # waitress would take another port
        yield "« supervisor.listen » doit être de la forme 127.0.0.1:8810"


def _of_mail(mail: "MailTable") -> Iterator[str]:
    if (mail.smtp is None) != (not mail.recipients):
        yield "« mail.smtp » et « mail.recipients » vont ensemble"
    if (mail.account is None) != (mail.password_file is None):
        yield "« mail.account » et « mail.password_file » vont ensemble"
    if mail.smtp is not None and int(mail.smtp.partition(":")[2] or 0) > LAST_PORT:
        yield "« mail.smtp » doit être de la forme HÔTE ou HÔTE:PORT"


def _of_backup(backup: "BackupTable") -> Iterator[str]:
    if backup.after_snapshot is None:
        if backup.after_snapshot_account is not None:
            yield "« backup.after_snapshot_account » va avec « backup.after_snapshot »"
        return
    if not backup.after_snapshot_account:
        yield (
            "« backup.after_snapshot » demande « backup.after_snapshot_account », le compte sous lequel la commande est"
            " lancée : elle ne l'est sous root que si « root » y est écrit"
        )
    try:
        words = shlex.split(backup.after_snapshot)
    except ValueError:
        words = []
    if not words:
        yield "« backup.after_snapshot » n'est pas une commande ; vérifiez ses guillemets"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
