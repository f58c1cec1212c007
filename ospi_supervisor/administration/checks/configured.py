"""What the configuration names, and whether updates can work with it."""

import os
import pwd
import stat
from pathlib import Path

from ospi_supervisor.administration.checks.base import Findings
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.support_key import SupportKey
from ospi_supervisor.config.tables import Config, named_paths
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.installed import record_path
from ospi_supervisor.deployment.looks import obstacles as what_obstructs
from ospi_supervisor.deployment.placement import check_places
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.words import clause
from ospi_supervisor.hands.sandbox import enclosure
from ospi_supervisor.platform.maintenance import is_emptied_by_a_reboot


def trust(config: Config, adapters: Adapters) -> Findings:
    """The vendor's root and the support's key."""
    Trust.load(config.trust.root, config.paths.trust_dir)
    yield Grade.OK, f"racine de confiance lue ({config.trust.root})"
    if config.trust.support_key is None:
        yield Grade.WARNING, "« trust.support_key » absent : une version qui a échoué ne pourra pas être débloquée"
    else:
        SupportKey.load(config.trust.support_key)
        yield Grade.OK, f"clé du support lue ({config.trust.support_key})"


def release(config: Config, adapters: Adapters) -> Findings:
    """What `current` names."""
    version = adapters.releases.current()
    if record_path(config.paths, version).exists():
        yield Grade.OK, f"version installée : {version}, relevée"
    else:
        yield (
            Grade.WARNING,
            f"version {version} non relevée : « {command_line(f'adopt {version}')} » pour que la prochaine mise à jour"
            " n'écrive que ce qui change",
        )


def places(config: Config, adapters: Adapters) -> Findings:
    """Where data, state, backups and the page lie."""
    check_places(config)
    for folder in config.platform.data_dirs:
        if not folder.is_dir():
            yield Grade.ERROR, f"dossier de données {folder} absent ; créez-le, ou corrigez platform.data_dirs"
    for key, path in (
        ("supervisor.state_dir", config.supervisor.state_dir),
        ("backup.directory", config.backup.directory),
    ):
        if is_emptied_by_a_reboot(path):
            yield Grade.ERROR, f"« {key} » ({path}) est dans un dossier qu'un redémarrage vide ; placez-le ailleurs"
    adapters.switch.check()
    yield Grade.OK, "places des données, de l'état, des sauvegardes et de la page de maintenance vues"


def data(config: Config, adapters: Adapters) -> Findings:
    """The folders of data, gone through."""
    if words := adapters.snapshots.unsaved():
        yield Grade.WARNING, words
    if found := adapters.snapshots.irreplaceable():
        yield Grade.ERROR, f"{found} : le retour en arrière ne pourrait pas les remplacer ; ôtez ces attributs (chattr)"
    yield Grade.OK, "dossiers de données parcourus"


def origin(config: Config, adapters: Adapters) -> Findings:
    """Whether the supervisor has an origin of its own."""
    if config.supervisor.public_url is None:
        yield (
            Grade.WARNING,
            "le Superviseur partage l'adresse de la plateforme : un script introduit dans une page de celle-ci peut y"
            " faire tout ce que peut l'administrateur connecté ; donnez au Superviseur son propre nom"
            " (« supervisor.public_url », docs/deploiement.md, section 6)",
        )
    else:
        yield Grade.OK, f"le Superviseur a sa propre adresse : {config.supervisor_address}/"


def secrets(config: Config, adapters: Adapters) -> Findings:
    """The files of the keys `…_file`."""
    for key, path in named_paths(config):
        if key.endswith("password_file"):
            yield _secret(path, 0o600)
    token = config.supervisor.metrics_token_file
    if token is not None:  # the web process holds requests against it
        yield _secret(token, 0o640)
        if not token.read_bytes().strip():
            yield Grade.ERROR, f"le jeton {token} est vide, ce qui ferme l'adresse metrics ; écrivez-en un"


def _secret(path: Path, mode: int) -> tuple[Grade, str]:
    """Whether the file is the service's own and open to nobody beyond `mode`."""
    facts = path.stat()
    if stat.S_IMODE(facts.st_mode) & ~mode:
        return Grade.ERROR, f"le secret {path} est lisible par d'autres ; chmod {mode:o} {path}"
    if facts.st_uid != os.geteuid():
        return Grade.ERROR, f"le secret {path} n'appartient pas au compte du service ; chown {path}"
    return Grade.OK, f"secret {path} protégé"


def account(config: Config, adapters: Adapters) -> Findings:
    """Under whom services and hooks run."""
    account = config.platform.account
    if account is None:
        rights = "tournent sous root" if os.geteuid() == 0 else "ont les droits du service de mise à jour"
        yield (
            Grade.WARNING,
            f"« platform.account » absent : services et migrations {rights} ; nommez leur compte",
        )
        return
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        yield Grade.ERROR, f"le compte {account} (platform.account) n'existe pas sur ce serveur"
        return
    if entry.pw_uid == 0:
        yield (
            Grade.ERROR,
            f"le compte {account} (platform.account) a les droits de root ; nommez-en un autre",
        )
    else:
        yield Grade.OK, f"compte de la plateforme : {account}"


def obstacles(config: Config, adapters: Adapters) -> Findings:
    """What the phase `prerequisites` would refuse."""
    for found in what_obstructs(config):
        yield Grade.ERROR, f"{found.label} : {found.measured}, requis : {found.required} ; {clause(found.remedy)}"
    adapters.services.check_hold()
    yield Grade.OK, "dossiers, commandes et disques dont les mises à jour ont besoin vus"


def hands(config: Config, adapters: Adapters) -> Findings:
    """Through what root touches other accounts' files (docs/securite.md)."""
    found = enclosure()
    if found is None:
        yield (
            Grade.WARNING,
            "sans les droits de root, ce qui touche aux données a les droits de ce compte, et rien de plus : c'est bien"
            " pour un essai ; un serveur lance le service de mise à jour sous root",
        )
    elif found == "bwrap":
        yield Grade.OK, "ce qui touche aux fichiers des autres comptes ne voit qu'eux (bubblewrap)"
    else:
        yield Grade.OK, f"ce qui touche aux fichiers des autres comptes ne voit qu'eux ({found}, faute de bubblewrap)"
