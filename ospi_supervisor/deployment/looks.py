"""What can be known of this server by a look, before anything changes: each is a prerequisite of its own.

Whatever is found here would otherwise be found in `stage`, in `backup` or behind the maintenance page. One short
function a look; `check` and the phase `prerequisites` use them alike.
"""

import os
import pwd
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.service_looks import obstacles_of_services
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.events import STATUS_FILE
from ospi_supervisor.domain.prerequisites import Obstacle
from ospi_supervisor.hands.folder import folder_hand
from ospi_supervisor.platform.maintenance import PAGE, UNAVAILABLE
from ospi_supervisor.platform.processes import may_run, may_use
from ospi_supervisor.system.mounts import mounted_below
from ospi_supervisor.system.probes import ownership_refusal, write_refusal, wrong_kind

SPARE_INODES = 100
CLOCK_TOLERANCE = timedelta(days=2)


def obstacles(config: Config) -> Iterator[Obstacle]:
    """What stands in the way of any update of this server."""
    yield from _account(config)
    yield from _tools(config)
    yield from _folders(config)
    yield from _kinds(config)
    yield from _data(config)
    yield from _backups(config)
    yield from obstacles_of_services(config)
    data = [place for folder in config.platform.data_dirs for place in (folder, *mounted_below(folder))]
    for folder in (config.platform.root / "releases", config.backup.directory, config.supervisor.state_dir, *data):
        yield from _inodes(config, folder, SPARE_INODES)


def obstacles_of_release(
    config: Config, *, entries: int, interpreters: Mapping[str, str], record: Path, now: datetime
) -> Iterator[Obstacle]:
    """What stands in the way of a release of so many `entries`, whose hooks ask for these `interpreters` (by the
    hook's name), beside the installed one, of which `record` is kept."""
    yield from _inodes(config, config.platform.root / "releases", entries + SPARE_INODES)
    yield from _clock(record, now)
    if interpreters:
        yield from _execution(config)
    for hook, command in interpreters.items():
        yield from _interpreter(config, hook, command)


def asked_tools(config: Config) -> list[str]:
    """The programs that this configuration asks for."""
    tools = ["tar", "zstd"]
    if any(service.systemd for service in config.platform.services):
        tools.append("systemctl")
    tools += (tool for database in make_databases(config.platform.databases) for tool in database.tools)
    return list(dict.fromkeys(tools))


def missing_tools(config: Config) -> list[str]:
    """Those of them that this server has not."""
    return [tool for tool in asked_tools(config) if shutil.which(tool) is None]


def _account(config: Config) -> Iterator[Obstacle]:
    account = config.platform.account
    if account is not None and not _exists(account):
        yield Obstacle(
            rule="account",
            label="Compte de la plateforme",
            measured=f"le compte « {account} » n'existe pas",
            required="un compte de ce serveur (platform.account)",
            remedy="Créez ce compte, ou corrigez platform.account.",
        )


def _tools(config: Config) -> Iterator[Obstacle]:
    if missing := missing_tools(config):
        yield Obstacle(
            rule="tools",
            label="Commandes du système",
            measured=f"absentes : {', '.join(missing)}",
            required="présentes",
            remedy="Installez-les sur ce serveur.",
        )


def _folders(config: Config) -> Iterator[Obstacle]:
    """Where updates write, under root's account."""
    root, paths, page = config.platform.root, config.paths, config.maintenance
    state = (paths.engine_dir, paths.logs_dir, paths.records_dir, paths.trust_dir)
    places = (root, root / "releases", page.page_dir, page.flag.parent, *state, config.backup.directory)
    for folder in dict.fromkeys(places):
        if (refusal := write_refusal(folder)) is not None:
            yield Obstacle(
                rule="writable",
                label=f"Écriture dans {folder}",
                measured=refusal,
                required="possible au service de mise à jour",
                remedy="Rétablissez les droits, les attributs ou le montage de ce dossier.",
            )


def _kinds(config: Config) -> Iterator[Obstacle]:
    page = config.maintenance
    files = [page.flag, config.paths.hold, *(page.page_dir / name for name in (PAGE, UNAVAILABLE, STATUS_FILE))]
    unfinished = config.platform.root / ".current.new"  # a link, which `switch` replaces
    wrong = [path for path in files if wrong_kind(path)]
    if os.path.lexists(unfinished) and not unfinished.is_symlink():
        wrong.append(unfinished)
    for path in wrong:
        yield Obstacle(
            rule="kind",
            label=f"Fichier {path}",
            measured="autre chose qu'un fichier ordinaire est à sa place",
            required="un fichier ordinaire, ou rien",
            remedy="Déplacez ce qui s'y trouve, ou corrigez la configuration.",
        )


def _data(config: Config) -> Iterator[Obstacle]:
    """What migrations change, and what the way back restores."""
    files = [table.sqlite_file for table in config.platform.databases if table.sqlite_file is not None]
    places = [*config.platform.data_dirs, *files, *(Path(os.path.realpath(file)).parent for file in files)]
    for path in dict.fromkeys(places):
        if os.path.lexists(path) and (refusal := _sealed(Path(os.path.realpath(path)))) is not None:
            yield Obstacle(
                rule="data",
                label=f"Données de {path}",
                measured=refusal,
                required="modifiables : une migration, ou le retour en arrière, les écrit",
                remedy="Rétablissez le montage, les droits ou les attributs de ce qui les porte.",
            )


def _backups(config: Config) -> Iterator[Obstacle]:
    """A snapshot's files are closed to others, and lent to the account of a database while it writes its copy."""
    if (refusal := ownership_refusal(config.backup.directory)) is not None:
        yield Obstacle(
            rule="backups",
            label=f"Dossier des sauvegardes {config.backup.directory}",
            measured=refusal,
            required="un système de fichiers qui garde droits et propriétaires",
            remedy="Placez les sauvegardes (backup.directory) sur un disque local, ou corrigez les options du montage.",
        )


def _sealed(place: Path) -> str | None:
    """What keeps everybody from changing `place`, which another account owns: a hand looks, in that folder alone."""
    try:
        with folder_hand(place if place.is_dir() else place.parent) as hand:
            return hand.sealed_at(place)
    except OSError as error:
        return error.strerror


def _inodes(config: Config, folder: Path, needed: int) -> Iterator[Obstacle]:
    place = next(place for place in (folder, *folder.parents) if place.is_dir())
    found = os.statvfs(place)
    if found.f_files and found.f_favail < needed:  # some file systems count none
        yield Obstacle(
            rule="inodes",
            label=f"Fichiers que peut encore porter le disque de {folder}",
            measured=str(found.f_favail),
            required=str(needed),
            remedy="Supprimez des fichiers inutiles sur ce disque, ou agrandissez-le.",
        )


def _clock(record: Path, now: datetime) -> Iterator[Obstacle]:
    """A clock far behind what this server wrote itself makes signatures, dates and backups tell tales."""
    if not record.exists():
        return
    written = datetime.fromtimestamp(record.stat().st_mtime, UTC)
    if now < written - CLOCK_TOLERANCE:
        yield Obstacle(
            rule="clock",
            label="Horloge du serveur",
            measured=f"{now:%d/%m/%Y %H:%M}",
            required=f"pas avant le {written:%d/%m/%Y}, où la version installée a été relevée",
            remedy="Réglez l'horloge ; si elle est juste, relevez de nouveau la version"
            f" (« {command_line('adopt')} »).",
        )


def _execution(config: Config) -> Iterator[Obstacle]:
    """Whether the platform's account could run what lies among the releases."""
    folder = config.platform.root / "releases"
    place = next(place for place in (folder, *folder.parents) if place.is_dir())
    if os.statvfs(place).f_flag & os.ST_NOEXEC:
        measured: str | None = "monté avec « noexec »"
    elif not may_use(config.platform.account, place):
        measured = f"le compte « {config.platform.account} » n'y a pas accès"
    else:
        measured = None
    if measured is not None:
        yield Obstacle(
            rule="execution",
            label=f"Programmes de la version dans {folder}",
            measured=measured,
            required="exécutables par le compte de la plateforme",
            remedy="Corrigez le montage, ou les droits de ce dossier et de ceux qui le contiennent.",
        )


def _interpreter(config: Config, hook: str, command: str) -> Iterator[Obstacle]:
    found = interpreter_of(command)
    if found is None or Path(found).is_relative_to(config.platform.root) or ("/" in found and found[0] != "/"):
        return  # a program of no interpreter's, or one of the release's own
    if not may_run(config.platform.account, found):
        yield Obstacle(
            rule="interpreter",
            label=f"Interpréteur du programme {hook}",
            measured=f"« {found} » absent de ce serveur, ou fermé au compte de la plateforme",
            required=command,
            remedy="Installez-le, ou contactez le support si ce serveur ne doit pas l'avoir.",
        )


def interpreter_of(command: str) -> str | None:
    """What a first line `#!COMMAND` runs: a path, or the name that `env` is to look for; None where it names none."""
    words = command.split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[0] if words else None


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
