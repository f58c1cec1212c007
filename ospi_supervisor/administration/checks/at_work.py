"""What runs on this server: the platform, the reverse proxy, and our own two processes."""

import os
from contextlib import closing
from pathlib import Path

from ospi_supervisor import VERSION_OF_WEB, __version__
from ospi_supervisor.administration.checks.base import Findings, published
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.errors import BackupError, MailError, PlatformError
from ospi_supervisor.platform.units import WEB_UNIT, WORKER_UNIT, unit_of
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.topics import AFTERCARE, WORKER
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.worker.mail_server import MailServer


def services(config: Config, adapters: Adapters) -> Findings:
    """Those of the platform."""
    for name, running in adapters.services.running().items():
        yield (
            (Grade.OK, f"service {name} en marche")
            if running
            else (
                Grade.WARNING,
                f"service {name} arrêté ; démarrez-le, ou lisez son journal",
            )
        )


def databases(config: Config, adapters: Adapters) -> Findings:
    """Reached, and restorable."""
    for database in adapters.databases:
        try:
            database.check()
        except BackupError as error:
            words = str(error)
            cure = "" if " ; " in words else " ; remettez-la en état, ou revenez à une sauvegarde (« backup restore »)"
            yield Grade.ERROR, words + cure
        else:
            yield Grade.OK, f"base {database.name} joignable, et restaurable"
    for base, why in adapters.snapshots.without_copy(lambda: None).items():
        yield Grade.WARNING, f"base {base} : {why} ; chaque mise à jour l'exportera pendant la page de maintenance"


def health(config: Config, adapters: Adapters) -> Findings:
    """What the platform answers."""
    version = adapters.releases.current()
    facts = adapters.health.check(version)
    if facts.ok:
        yield Grade.OK, f"la plateforme répond, en version {facts.version}"
    else:
        yield (
            Grade.ERROR,
            (
                f"la plateforme ne répond pas comme attendu : {facts.error} ; démarrez ses services, ou corrigez"
                " platform.health_url"
            ),
        )


def afterwards(config: Config, adapters: Adapters) -> Findings:
    """The alarm that stands since the last update succeeded, if one does."""
    found = published(config, AFTERCARE)
    if found is not None and found.trouble:
        since = found.since.astimezone()
        yield (
            Grade.ERROR,
            f"la plateforme ne répond plus depuis le {since:%d/%m/%Y à %H:%M}, après la mise à jour n°"
            f" {found.update} vers {found.version} : {found.trouble} ; regardez ses services et leurs"
            " journaux, ou appelez le support",
        )


def mail(config: Config, adapters: Adapters) -> Findings:
    """A warning at most: no update depends on it."""
    if config.mail.smtp is None:
        return
    try:
        MailServer(config.mail).check()
    except MailError as error:
        yield (
            Grade.WARNING,
            f"la fin d'une mise à jour ne pourra pas être annoncée par courriel : {error} ; corrigez la table [mail],"
            " ou remettez ce serveur en marche",
        )
    else:
        yield (
            Grade.OK,
            f"le serveur de messagerie {config.mail.smtp} répond ; fin des mises à jour annoncée à "
            + (", ".join(config.mail.recipients)),
        )


def front(config: Config, adapters: Adapters) -> Findings:
    """What users get at the public address, through the reverse proxy."""
    seen, is_on = adapters.health.public(), adapters.switch.is_on()
    if seen == ("maintenance" if is_on else "platform"):
        yield Grade.OK, f"adresse publique {config.platform.public_url} : {SEEN[seen]}, par le serveur mandataire"
    elif seen in SEEN:
        asked = "demandée" if is_on else "retirée"
        yield (
            Grade.ERROR,
            f"la page de maintenance est {asked}, et l'adresse publique montre {SEEN[seen]} ; reprenez la configuration"
            f" du serveur mandataire (« {command_line('proxy')} »), ou videz le cache qui le précède",
        )
    else:
        yield (
            Grade.ERROR,
            f"adresse publique : {seen} ; démarrez le serveur mandataire (nginx, Apache, Caddy ou HAProxy), ou corrigez"
            " platform.public_url",
        )


SEEN = {"platform": "la plateforme", "maintenance": "la page de maintenance"}


def own_pages(config: Config, adapters: Adapters) -> Findings:
    """Whether the supervisor is reached where browsers are told to look, and nowhere else."""
    address = f"{config.supervisor_address}/sante"
    if trouble := _trouble(adapters, address):
        yield (
            Grade.ERROR,
            f"le Superviseur ne répond pas à son adresse : {trouble} ; le serveur mandataire doit l'y servir"
            f" (« {command_line('proxy')} », docs/deploiement.md, section 6)",
        )
    else:
        yield Grade.OK, f"le Superviseur répond à son adresse, {config.supervisor_address}/"


def _trouble(adapters: Adapters, address: str) -> str | None:
    try:
        answer = adapters.health.answer(address)
    except PlatformError as error:
        return str(error)
    if answer.status != 200 or answer.body != b"ok\n":
        return f"{address} répond {answer.status}" + ("" if answer.status != 200 else ", et autre chose que lui")
    return None


def web_process(config: Config, adapters: Adapters) -> Findings:
    """Asked directly, it says its version."""
    host, _, port = config.supervisor.listen.rpartition(":")
    host = "127.0.0.1" if host in ("0.0.0.0", "*", "") else host  # noqa: S104 - where everybody is listened to
    try:
        answer = adapters.health.answer(f"http://{host}:{port}{config.supervisor.url_prefix}/sante")
    except PlatformError as error:
        yield Grade.ERROR, f"le service web ne répond pas ({error}) ; « systemctl start {unit_of(config, WEB_UNIT)} »"
        return
    yield _of_version("web", answer.headers.get(VERSION_OF_WEB, ""), unit_of(config, WEB_UNIT))


def worker_process(config: Config, adapters: Adapters) -> Findings:
    """It gives a sign of life, and said its version when it started."""
    with closing(EngineReader(sqlite_url(config.paths.engine_db))) as reader:
        alive, told = reader.worker_alive(utc_now()), reader.published(WORKER)
    gone = told is not None and os.geteuid() == 0 and not Path(f"/proc/{told[1].pid}").exists()
    if not alive or gone:  # its last sign of life is believed for some seconds
        yield Grade.ERROR, f"le service de mise à jour est arrêté ; « systemctl start {unit_of(config, WORKER_UNIT)} »"
    else:
        yield _of_version("de mise à jour", told[1].version if told else "", unit_of(config, WORKER_UNIT))


def _of_version(which: str, version: str, unit: str) -> tuple[Grade, str]:
    if version == __version__:
        return Grade.OK, f"service {which} en marche, en version {version}"
    runs = f"tourne encore en version {version}" if version else "ne dit pas sa version"
    return (
        Grade.ERROR,
        f"le service {which} {runs}, et la version installée du Superviseur est {__version__} ;"
        f" « systemctl restart {unit} »",
    )
