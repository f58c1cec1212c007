"""`ospi-supervisor check`: one short function a check, each a finding in the administrator's words."""

import os
import pwd
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config import Config
from ospi_supervisor.errors import MailError, SupervisorError
from ospi_supervisor.mail.server import MailServer
from ospi_supervisor.phases.places import check_nothing_precious_in_releases
from ospi_supervisor.phases.registry import Adapters
from ospi_supervisor.phases.release import record_path
from ospi_supervisor.platform.switch import is_emptied_by_a_reboot
from ospi_supervisor.support_key import SupportKey


class Level(StrEnum):
    """How much a finding matters: an error makes `check` fail."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """What one check found. `check` is a stable word."""

    check: str
    level: Level
    message: str


Findings = Iterator[tuple[Level, str]]
Check = Callable[[Config, Adapters], Findings]


def run_checks(config: Config, adapters: Adapters) -> list[Finding]:
    """Every check's findings, in the order of `CHECKS`. An error that a check raises is its finding."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings += [Finding(name, level, message) for level, message in check(config, adapters)]
        except (SupervisorError, OSError) as error:
            findings.append(Finding(name, Level.ERROR, str(error)))
    return findings


def _trust(config: Config, adapters: Adapters) -> Findings:
    Trust.load(config.trust.root, config.paths.trust_dir)
    yield Level.OK, f"racine de confiance lue ({config.trust.root})"
    if config.trust.support_key is None:
        yield Level.WARNING, "« trust.support_key » absent : une version qui a échoué ne pourra pas être débloquée"
    else:
        SupportKey.load(config.trust.support_key)
        yield Level.OK, f"clé du support lue ({config.trust.support_key})"


def _release(config: Config, adapters: Adapters) -> Findings:
    version = adapters.releases.current()
    if record_path(config.paths, version).exists():
        yield Level.OK, f"version installée : {version}, relevée"
    else:
        yield (
            Level.WARNING,
            f"version {version} non relevée : « ospi-supervisor adopt {version} » pour que la prochaine mise à jour"
            " n'écrive que ce qui change",
        )


def _places(config: Config, adapters: Adapters) -> Findings:
    check_nothing_precious_in_releases(config)
    for folder in config.platform.data_dirs:
        if not folder.is_dir():
            yield Level.ERROR, f"dossier de données {folder} absent ; créez-le, ou corrigez platform.data_dirs"
    for key, path in (
        ("supervisor.state_dir", config.supervisor.state_dir),
        ("backup.directory", config.backup.directory),
    ):
        if is_emptied_by_a_reboot(path):
            yield Level.ERROR, f"« {key} » ({path}) est dans un dossier qu'un redémarrage vide ; placez-le ailleurs"
    adapters.switch.check()
    yield Level.OK, "places des données, de l'état, des sauvegardes et de la page de maintenance vues"


def _data(config: Config, adapters: Adapters) -> Findings:
    if words := adapters.snapshots.unsaved():
        yield Level.WARNING, words
    yield Level.OK, "dossiers de données parcourus"


def _secrets(config: Config, adapters: Adapters) -> Findings:
    files = [database.password_file for database in config.platform.databases]
    files += [config.automatic_update.proxy_password_file, config.mail.password_file]
    for path in filter(None, files):
        yield _secret(path, 0o600)
    token = config.supervisor.metrics_token_file
    if token is not None:  # the web process holds requests against it
        yield _secret(token, 0o640)
        if not token.read_bytes().strip():
            yield Level.ERROR, f"le jeton {token} est vide, ce qui ferme l'adresse metrics ; écrivez-en un"


def _secret(path: Path, mode: int) -> tuple[Level, str]:
    """Whether the file is the service's own and open to nobody beyond `mode`."""
    facts = path.stat()
    if stat.S_IMODE(facts.st_mode) & ~mode:
        return Level.ERROR, f"le secret {path} est lisible par d'autres ; chmod {mode:o} {path}"
    if facts.st_uid != os.geteuid():
        return Level.ERROR, f"le secret {path} n'appartient pas au compte du service ; chown {path}"
    return Level.OK, f"secret {path} protégé"


def _account(config: Config, adapters: Adapters) -> Findings:
    account = config.platform.account
    if account is None:
        rights = "tournent sous root" if os.geteuid() == 0 else "ont les droits du service de mise à jour"
        yield (
            Level.WARNING,
            f"« platform.account » absent : services et migrations {rights} ; nommez leur compte",
        )
        return
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        yield Level.ERROR, f"le compte {account} (platform.account) n'existe pas sur ce serveur"
        return
    if entry.pw_uid == 0:
        yield (
            Level.ERROR,
            f"le compte {account} (platform.account) a les droits de root ; nommez-en un autre",
        )
    else:
        yield Level.OK, f"compte de la plateforme : {account}"


def _tools(config: Config, adapters: Adapters) -> Findings:
    tools = ["tar", "zstd"]
    if any(database.url.startswith("postgresql:") for database in config.platform.databases):
        tools += ["pg_dump", "pg_restore"]
    if any(service.systemd for service in config.platform.services):
        tools.append("systemctl")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        yield Level.ERROR, f"commandes absentes de ce serveur : {', '.join(missing)}"
    else:
        yield Level.OK, f"commandes présentes : {', '.join(tools)}"


def _services(config: Config, adapters: Adapters) -> Findings:
    for name, running in adapters.services.running().items():
        yield (Level.OK, f"service {name} en marche") if running else (Level.WARNING, f"service {name} arrêté")


def _databases(config: Config, adapters: Adapters) -> Findings:
    for database in adapters.databases:
        database.check()
        yield Level.OK, f"base {database.name} joignable, et restaurable"


def _health(config: Config, adapters: Adapters) -> Findings:
    version = adapters.releases.current()
    facts = adapters.health.check(version)
    if facts.ok:
        yield Level.OK, f"la plateforme répond, en version {facts.version}"
    else:
        yield Level.ERROR, f"la plateforme ne répond pas comme attendu : {facts.error}"


def _mail(config: Config, adapters: Adapters) -> Findings:
    """A warning at most: no update depends on it."""
    if config.mail.smtp is None:
        return
    try:
        MailServer(config.mail).check()
    except MailError as error:
        yield Level.WARNING, f"la fin d'une mise à jour ne pourra pas être annoncée par courriel : {error}"
    else:
        yield (
            Level.OK,
            f"le serveur de messagerie {config.mail.smtp} répond ; fin des mises à jour annoncée à "
            + (", ".join(config.mail.recipients)),
        )


CHECKS: dict[str, Check] = {
    "trust": _trust,
    "release": _release,
    "places": _places,
    "data": _data,
    "secrets": _secrets,
    "account": _account,
    "tools": _tools,
    "services": _services,
    "databases": _databases,
    "health": _health,
    "mail": _mail,
}
