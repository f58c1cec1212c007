"""What can be wrong with an installation: done to a real one, and what `check` is to say of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from ospi_supervisor.backup import inventory
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.platform.units import WEB_UNIT, WORKER_UNIT
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import HANDOUTS, HandoutsDocument
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.worker.handouts import Handouts
from tests.support.certificates import Authority
from tests.support.checked_server import OLD, CheckedServer, undone
from tests.support.http_server import serving
from tests.support.system import free_port

Done = AbstractContextManager[None]


@dataclass(frozen=True)
class Fault:
    """`title` is its row in docs/controles.md; those of a `group` bear each other, and are looked at together."""

    title: str
    check: str
    level: str
    says: str
    remedy: str
    do: Callable[[CheckedServer], Done]
    group: int = 1


@undone
def served(server: CheckedServer, days: int) -> Iterator[None]:
    """A name of the supervisor's own, behind TLS, with a certificate that ends in so many days."""
    authority = Authority(server.layout.root / f"autorité-{days}")
    certificate = authority.server(start=-60, end=days)
    with ExitStack() as stack:
        port = stack.enter_context(serving(server.layout.root, certificate)).port
        stack.enter_context(server.configured("supervisor", f'public_url = "https://localhost:{port}/"'))
        yield


@undone
def expired_authority(server: CheckedServer) -> Iterator[None]:
    authority = Authority(server.layout.root / "ancienne", end=-1)
    with server.configured("platform", f'ca_bundle = "{authority.path}"'):
        yield


@undone
def no_mail_server(server: CheckedServer) -> Iterator[None]:
    lines = f'smtp = "127.0.0.1:{free_port()}"\nrecipients = ["dsi@hopital.example"]'
    with server.configured("mail", lines):
        yield


def newest_backup(server: CheckedServer) -> Path:
    return server.layout.backups / str(json.loads(server.cli("backup", "list", "--json").stdout)[-1]["id"])


@undone
def damaged_backup(server: CheckedServer) -> Iterator[None]:
    part = next(path for path in newest_backup(server).iterdir() if path.suffix == ".zst")
    with server.contents(part, part.read_bytes()[:-1]):
        yield


@undone
def old_backup(server: CheckedServer) -> Iterator[None]:
    folder = newest_backup(server)
    found = inventory.load(folder)
    inventory.save(folder, msgspec.structs.replace(found, taken_at=found.taken_at - timedelta(days=200)))
    yield
    inventory.save(folder, found)


@undone
def unfinished_backup(server: CheckedServer) -> Iterator[None]:
    folder = server.layout.backups / "manuelle-20260101-000000"
    folder.mkdir()
    yield
    folder.rmdir()


@undone
def failed_handout(server: CheckedServer) -> Iterator[None]:
    """The command that takes backups elsewhere fails, as it does where its share is away."""
    lines, url = 'after_snapshot = "/bin/false"\nafter_snapshot_account = "nobody"', sqlite_url(server.paths.engine_db)
    with server.configured("backup", lines), closing(EngineStore(url)) as store, closing(EngineReader(url)) as reader:
        published, snapshots = PublishedStore(store), make_adapters(server.config).snapshots
        Handouts(server.config, snapshots, reader, published, utc_now, lambda: False).hand_out(snapshots.list()[-1])
        yield
        published.publish(HANDOUTS, HandoutsDocument(), utc_now())


@undone
def broken_link(server: CheckedServer) -> Iterator[None]:
    link = server.layout.platform / "current"
    target = link.readlink()
    link.unlink()
    link.symlink_to("releases/9.9.9")
    yield
    link.unlink()
    link.symlink_to(target)


@undone
def flag_in_run(server: CheckedServer) -> Iterator[None]:
    with server.configured("maintenance", 'flag = "/run/ospi-essai/flag"', "flag"):
        yield


@undone
def page_left(server: CheckedServer) -> Iterator[None]:
    """The flag that the proxy watches is there; the configuration names another."""
    flag = server.config.maintenance.flag
    flag.touch()
    with server.configured("maintenance", f'flag = "{flag}.autre"', "flag"):
        yield
    flag.unlink()


def release_file(server: CheckedServer) -> Path:
    tree = server.layout.platform / "releases" / "11.5.0"
    return next(path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink())


def token(server: CheckedServer) -> Path:
    return server.layout.root / "etc" / "metrics-token"


DOOR, RIGHTS, RUNNING, CONFIGURED, AGAIN, LATER = range(1, 7)
WEB, PLATFORM = "nobody", "daemon"
OPEN, OWNED, SHUT = "est plus ouvert qu'il ne doit", "au lieu de", "ne peut pas lire"

# fmt: off
FAULTS: Sequence[Fault] = (
    # --- what runs
    Fault("le serveur mandataire est arrêté", "front", "error", "ne répond pas", "démarrez le serveur mandataire",
          lambda s: s.without("proxy"), RUNNING),
    Fault("le processus web est arrêté", "web", "error", "le service web ne répond pas", f"systemctl start {WEB_UNIT}",
          lambda s: s.without("web"), RUNNING),
    Fault("le service de mise à jour est arrêté", "worker", "error", "est arrêté", f"systemctl start {WORKER_UNIT}",
          lambda s: s.without("worker"), RUNNING),
    Fault("la plateforme est arrêtée", "health", "error", "ne répond pas comme attendu", "démarrez ses services",
          lambda s: s.platform_stopped(), RUNNING),
    Fault("le processus web est d'une version d'avant", "web", "error", f"encore en version {OLD}",
          f"systemctl restart {WEB_UNIT}", lambda s: s.older("web"), CONFIGURED),
    Fault("le service de mise à jour est d'une version d'avant", "worker", "error", f"encore en version {OLD}",
          f"systemctl restart {WORKER_UNIT}", lambda s: s.older("worker"), CONFIGURED),
    Fault("la page de maintenance est restée", "front", "error", "montre la page de maintenance",
          "reprenez la configuration du serveur mandataire", page_left, AGAIN),
    Fault("l'adresse propre du Superviseur ne mène pas à lui", "pages", "error", "ne répond pas à son adresse",
          "ospi-supervisor proxy",
          lambda s: s.configured("supervisor", f'public_url = "http://localhost:{free_port()}/"'), AGAIN),
    # --- rights and owners
    Fault("le dossier d'état est ouvert à tous", "owners", "error", "peut être changé par un autre compte",
          "chmod go-w", lambda s: s.mode(s.layout.state, 0o777), DOOR),
    Fault("un dossier au-dessus de tout est ouvert à tous", "owners", "error", "peut être changé", "chmod go-w",
          lambda s: s.mode(s.layout.root, 0o777), RUNNING),
    Fault("les décisions (engine) sont lisibles par tous", "rights", "error", f"engine {OPEN}", "chmod 2751",
          lambda s: s.mode(s.paths.engine_dir, 0o2755), RIGHTS),
    Fault("engine.db est fermé au processus web", "rights", "error", f"{SHUT} {{state}}/engine/engine.db",
          "chgrp nogroup", lambda s: s.mode(s.paths.engine_db, 0o600), RIGHTS),
    Fault("le dossier web est ouvert", "rights", "error", f"web {OPEN}", "chmod 700",
          lambda s: s.mode(s.paths.web_dir, 0o755), RIGHTS),
    Fault("la file est ouverte", "rights", "error", f"queue {OPEN}", "chmod 700",
          lambda s: s.mode(s.paths.queue_dir, 0o777), RIGHTS),
    Fault("la file appartient à root", "rights", "error", f"queue appartient à root {OWNED} {WEB}", f"chown {WEB}",
          lambda s: s.owner(s.paths.queue_dir, "root"), AGAIN),
    Fault("le secret des sessions est lisible", "rights", "error", f"secret_key {OPEN}", "chmod 600",
          lambda s: s.mode(s.paths.secret_key, 0o644), RIGHTS),
    Fault("les sauvegardes sont lisibles par tous", "rights", "error", f"backups {OPEN}", "chmod 750",
          lambda s: s.mode(s.layout.backups, 0o755), RIGHTS),
    Fault("la page de maintenance est fermée au serveur mandataire", "rights", "error",
          f"le serveur mandataire {SHUT}", "chmod 755",
          lambda s: s.mode(s.config.maintenance.page_dir, 0o700), RIGHTS),
    Fault("le dossier du drapeau est à un autre compte", "owners", "error", "peut être changé", "chown root",
          lambda s: s.owner(s.config.maintenance.flag.parent, PLATFORM), RIGHTS),
    Fault("les versions sont au compte de la plateforme", "rights", "error", f"releases appartient à {PLATFORM}",
          "chown root", lambda s: s.owner(s.layout.platform / "releases", PLATFORM), RIGHTS),
    Fault("la configuration est lisible par tous", "rights", "error", f"supervisor.toml {OPEN}", "chmod 640",
          lambda s: s.mode(s.layout.config, 0o644), RIGHTS),
    Fault("la configuration est fermée au processus web", "rights", "error", f"{SHUT} {{config}}", "chgrp nogroup",
          lambda s: s.mode(s.layout.config, 0o600), AGAIN),
    Fault("root.json peut être changé par d'autres", "owners", "error", "root.json peut être changé", "chmod go-w",
          lambda s: s.mode(s.config.trust.root, 0o666), RIGHTS),
    Fault("le programme peut être changé par d'autres", "owners", "error", "programme peut être changé", "chmod go-w",
          lambda s: s.mode(s.layout.root / "programme", 0o777), RIGHTS),
    Fault("un secret est lisible par d'autres", "secrets", "error", "est lisible par d'autres", "chmod 640",
          lambda s: s.mode(token(s), 0o644), RIGHTS),
    Fault("le jeton des mesures est vide", "secrets", "error", "est vide", "écrivez-en un",
          lambda s: s.contents(token(s), "\n"), RIGHTS),
    Fault("la plateforme ne peut pas lire un fichier de sa version", "readable", "error", f"{PLATFORM} {SHUT}",
          "chmod -R go+rX", lambda s: s.mode(release_file(s), 0o600), RIGHTS),
    Fault("la plateforme ne peut pas écrire dans ses données", "readable", "error", "ne peut pas écrire dans",
          "rendez-le-lui", lambda s: s.owner(s.layout.data, "root"), AGAIN),
    # --- the server
    Fault("une unité n'est plus celle qui a été imprimée", "units", "error", f"{WORKER_UNIT} n'est pas celle",
          "systemctl daemon-reload", lambda s: s.contents(s.units / WORKER_UNIT, "[Unit]\n"), RIGHTS),
    Fault("une unité manque", "units", "error", f"{WEB_UNIT} manque", "ospi-supervisor systemd",
          lambda s: s.contents(s.units / WEB_UNIT, None), RIGHTS),
    Fault("tar est trop ancien", "versions", "error", "tar : version 1.20", "installez-la",
          lambda s: s.program_instead("/usr/bin/tar", "echo 'tar (GNU tar) 1.20'"), AGAIN),
    Fault("zstd est trop ancien", "versions", "error", "zstd : version 1.2", "installez-la",
          lambda s: s.program_instead("/usr/bin/zstd", "echo '*** zstd command line interface 64-bits v1.2.0'"), AGAIN),
    Fault("le noyau est trop ancien", "versions", "error", "noyau 2.6", "mettez le système à jour",
          lambda s: s.started_by("setarch", "--uname-2.6"), AGAIN),
    Fault("un certificat expire bientôt", "certificates", "warning", "expire le", "renouvelez-le",
          lambda s: served(s, 10), CONFIGURED),
    Fault("un certificat est expiré", "certificates", "error", "expiré depuis", "renouvelez-le",
          lambda s: served(s, -1), LATER),
    Fault("une autorité de certification est expirée", "certificates", "error", "ancienne/", "demandez la nouvelle",
          expired_authority, CONFIGURED),
    Fault("le serveur de messagerie ne répond pas", "mail", "warning", "connexion refusée", "table [mail]",
          no_mail_server, CONFIGURED),
    # --- backups
    Fault("il n'y a aucune sauvegarde", "backups", "warning", "aucune sauvegarde", "ospi-supervisor backup create",
          lambda s: s.aside(newest_backup(s)), RIGHTS),
    Fault("la dernière sauvegarde est endommagée", "backups", "error", "est endommagé", "ospi-supervisor backup create",
          damaged_backup, AGAIN),
    Fault("la dernière sauvegarde est ancienne", "backups", "warning", "il y a 200 jours",
          "ospi-supervisor backup create", old_backup, LATER),
    Fault("une sauvegarde est inachevée", "backups", "warning", "1 sauvegarde inutilisable", "supprimez",
          unfinished_backup, LATER),
    Fault("la dernière sauvegarde n'a pas été transmise", "handouts", "warning", "n'a pas été transmise",
          "ospi-supervisor backup export", failed_handout, CONFIGURED),
    # --- what the configuration names
    Fault("la clé du support manque", "trust", "error", "clé du support", "trust.support_key",
          lambda s: s.contents(s.config.trust.support_key or Path(), None), LATER),
    Fault("« current » ne mène nulle part", "release", "error", "current", "ospi-supervisor adopt", broken_link, LATER),
    Fault("le compte de la plateforme n'existe pas", "account", "error", "n'existe pas", "platform.account",
          lambda s: s.configured("platform", 'account = "personne-de-ce-nom"', "account"), LATER),
    Fault("le drapeau est dans un dossier qu'un redémarrage vide", "places", "error", "qu'un redémarrage vide",
          "choisissez", flag_in_run, LATER),
    Fault("un dossier de données manque", "places", "error", "absent", "créez-le",
          lambda s: s.configured("platform", f'data_dirs = ["{s.layout.data}", "/srv/absent"]', "data_dirs"), LATER),
    Fault("la base de la plateforme est abîmée", "databases", "error", "portail", "backup restore",
          lambda s: s.contents(s.layout.data / "portail.db", b"plus une base" * 999), RUNNING),
)
# fmt: on
