"""The configuration file: its keys, its types and its clear errors. Every key stands in `docs/configuration.md`."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from ospi_supervisor.domain.prerequisites import Thresholds
from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.state_paths import StatePaths
from ospi_supervisor.toml_errors import in_french, unknown_keys

DEFAULT_PATH = Path("/etc/ospi-supervisor/supervisor.toml")


LAST_PORT = 65535

Positive = Annotated[int, msgspec.Meta(ge=1)]

_ADDRESS, _PROXY = "^https?://[^/ ]+", "^http://([^/ :@]+@)?[^/ @]+/?$"
_SMTP, _MAILBOX = r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?\Z", r"^[^\s@,;<>]+@[^\s@,;<>]+\Z"
_FORMS = {
    _ADDRESS: "https://HÔTE/CHEMIN/",
    _PROXY: "http://HÔTE:PORT ou http://COMPTE@HÔTE:PORT, sans mot de passe (il va dans « proxy_password_file »)",
    _SMTP: "HÔTE ou HÔTE:PORT",
    _MAILBOX: "nom@hopital.example",
}
"""What each pattern of a text looks like to people."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the file; its fields are the accepted keys."""


class SupervisorTable(Table, frozen=True, kw_only=True):
    """`[supervisor]`: the program itself. `listen` is HOST:PORT; `trusted_proxies` lists addresses."""

    state_dir: Path
    url_prefix: str = "/superviseur"
    listen: str = "127.0.0.1:8810"
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)
    secure_cookies: bool = True
    max_archive_bytes: Positive = 32 * 1024**3
    metrics_token_file: Path | None = None


class ServiceTable(Table, frozen=True, kw_only=True):
    """`[[platform.services]]`: a systemd unit, or three commands (split as a shell would, run without one).

    `status` exits 0 while the service runs. `timeout` is how long a start or a stop may take, in seconds.
    """

    name: str
    systemd: str | None = None
    start: str | None = None
    stop: str | None = None
    status: str | None = None
    timeout: float = 60.0


class DatabaseTable(Table, frozen=True, kw_only=True):
    """`[[platform.databases]]`: `sqlite:////ABSOLUTE/PATH` or `postgresql://USER@HOST:PORT/NAME`.

    `password_file` holds a PostgreSQL password; only the worker's account can read it.
    """

    name: str
    url: str
    password_file: Path | None = None

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database; None where the address is not that of one."""
        parts = urlsplit(self.url)
        is_file = parts.scheme == "sqlite" and parts.path.startswith("/") and not parts.netloc
        return Path(parts.path) if is_file else None


class PlatformTable(Table, frozen=True, kw_only=True):
    """`[platform]`: what is managed. `root` holds `releases/VERSION/` and the link `current`."""

    product: str
    name: str
    root: Path
    public_url: str
    health_url: str
    account: str | None = None
    data_dirs: tuple[Path, ...] = ()
    ca_bundle: Path | None = None
    health_timeout: float = 120.0
    services: tuple[ServiceTable, ...] = ()
    databases: tuple[DatabaseTable, ...] = ()


class MaintenanceTable(Table, frozen=True, kw_only=True):
    """`[maintenance]`: the switch that the reverse proxy watches, and the folder that it serves meanwhile."""

    flag: Path
    page_dir: Path
    message: str = "La plateforme est en cours de mise à jour."
    contact: str = ""


class BackupTable(Table, frozen=True, kw_only=True):
    """`[backup]`: where snapshots lie, and how many full ones are kept."""

    directory: Path
    keep: Positive = 2


class TrustTable(Table, frozen=True, kw_only=True):
    """`[trust]`: what is delivered with the program: the vendor's first root metadata (TUF), and the support's
    public key (PEM, Ed25519), without which a version that failed stays locked."""

    root: Path
    support_key: Path | None = None


def _seed_hosts() -> dict[str, str]:
    """The seed's two addresses, by identifier of os-release (`ID`, or `ID-MAJOR`)."""
    return {
        "centos-7": "https://api.pmsipilot.com/repository/",
        "rocky": "https://api.r9-pmsipilot.com/repository/",
    }


class AutomaticUpdateTable(Table, frozen=True, kw_only=True):
    """`[automatic_update]`. `hosts` gives the repository's address by operating system.

    `hour` is local time; `jitter` the greatest delay after it, in minutes, spread over the servers. `proxy` is
    `http://[USER@]HOST:PORT`, its password lies in `proxy_password_file`, which only the worker can read.
    `ca_bundle` replaces the system's certification authorities.
    """

    hosts: dict[str, Annotated[str, msgspec.Meta(pattern=_ADDRESS)]] = msgspec.field(default_factory=_seed_hosts)
    hour: Annotated[int, msgspec.Meta(ge=0, le=23)] = 0
    jitter: Annotated[int, msgspec.Meta(ge=0, le=720)] = 120
    proxy: Annotated[str, msgspec.Meta(pattern=_PROXY)] | None = None
    proxy_password_file: Path | None = None
    ca_bundle: Path | None = None


class SupportTable(Table, frozen=True, kw_only=True):
    """`[support]`: whom to call; the defaults are the seed's."""

    email: str = "support@ospi.fr"
    phone: str = "04 26 10 06 36"


class MailTable(Table, frozen=True, kw_only=True):
    """`[mail]`: whom to tell how an update ended, and through which server; nobody where `smtp` is not given.

    `smtp` is HOST[:PORT]; `sender` is the key `from`. The connection is ciphered from its first byte with `tls`, else
    by STARTTLS where the server offers it. The password of `account` lies in `password_file`, which only the worker can
    read, and is never sent unciphered. `ca_bundle` replaces the system's certification authorities.
    """

    smtp: Annotated[str, msgspec.Meta(pattern=_SMTP)] | None = None
    recipients: tuple[Annotated[str, msgspec.Meta(pattern=_MAILBOX)], ...] = ()
    sender: Annotated[str, msgspec.Meta(pattern=_MAILBOX)] | None = msgspec.field(default=None, name="from")
    account: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_bundle: Path | None = None


class Document(Table, frozen=True, kw_only=True):
    """The whole file."""

    supervisor: SupervisorTable
    platform: PlatformTable
    maintenance: MaintenanceTable
    backup: BackupTable
    trust: TrustTable
    prerequisites: Thresholds = Thresholds()
    automatic_update: AutomaticUpdateTable = AutomaticUpdateTable()
    support: SupportTable = SupportTable()
    mail: MailTable = MailTable()


class Config(Document, frozen=True, kw_only=True):
    """What the file says, and `file`, where it lies; None where it was read from none."""

    file: Path | None = None

    @property
    def paths(self) -> StatePaths:
        """Where the state lies."""
        return StatePaths(self.supervisor.state_dir)


def load_config(path: Path) -> Config:
    """The configuration in `path`; ConfigurationError names the file and the key that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"configuration {path} illisible : {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration {path} : ce n'est pas du TOML correct ({error})") from error
    return msgspec.structs.replace(parse_config(document, str(path)), file=path.absolute())


def parse_config(document: dict[str, Any], origin: str = "configuration") -> Config:
    """The configuration that `document` (decoded TOML) holds; ConfigurationError names the key that is wrong."""
    for where, unknown, accepted in unknown_keys(document, Document, ""):
        raise ConfigurationError(
            f"{origin} : clé inconnue « {where}{unknown} » ; clés acceptées ici : {', '.join(accepted)}"
        )
    try:
        tables = msgspec.convert(document, Document, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{origin} : {in_french(str(error), _FORMS)}") from error
    config = Config(**msgspec.structs.asdict(tables))
    _check(config, origin)
    return config


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


def _check(config: Config, origin: str) -> None:
    """What types alone cannot say."""
    for problem in (*_of_platform(config), *_of_addresses(config), *_of_mail(config.mail), *_of_paths(config)):
        raise ConfigurationError(f"{origin} : {problem}")


def _of_platform(config: Config) -> Iterator[str]:
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


def _of_addresses(config: Config) -> Iterator[str]:
    if not re.fullmatch(r"(/[a-z0-9-]+)+", config.supervisor.url_prefix):
        yield "« supervisor.url_prefix » doit être de la forme /superviseur"
    listen = re.fullmatch(r".+:([0-9]{1,5})", config.supervisor.listen)
    if listen is None or int(listen[1]) > LAST_PORT:  # waitress would take another port
        yield "« supervisor.listen » doit être de la forme 127.0.0.1:8810"


def _of_mail(mail: MailTable) -> Iterator[str]:
    if (mail.smtp is None) != (not mail.recipients):
        yield "« mail.smtp » et « mail.recipients » vont ensemble"
    if (mail.account is None) != (mail.password_file is None):
        yield "« mail.account » et « mail.password_file » vont ensemble"
    if mail.smtp is not None and int(mail.smtp.partition(":")[2] or 0) > LAST_PORT:
        yield "« mail.smtp » doit être de la forme HÔTE ou HÔTE:PORT"


def _of_paths(config: Config) -> Iterator[str]:
    for name, path in named_paths(config):
        if path is not None and not path.is_absolute():
            yield f"« {name} » doit être un chemin absolu, reçu {path}"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def named_paths(config: Document) -> Iterator[tuple[str, Path | None]]:
    """Every path that the file may name, under its key; None where it does not."""
    yield "supervisor.state_dir", config.supervisor.state_dir
    yield "supervisor.metrics_token_file", config.supervisor.metrics_token_file
    yield "platform.root", config.platform.root
    yield "platform.ca_bundle", config.platform.ca_bundle
    for folder in config.platform.data_dirs:
        yield "platform.data_dirs", folder
    for database in config.platform.databases:
        yield "platform.databases.password_file", database.password_file
    yield "maintenance.flag", config.maintenance.flag
    yield "maintenance.page_dir", config.maintenance.page_dir
    yield "backup.directory", config.backup.directory
    yield "trust.root", config.trust.root
    yield "trust.support_key", config.trust.support_key
    yield "automatic_update.proxy_password_file", config.automatic_update.proxy_password_file
    yield "automatic_update.ca_bundle", config.automatic_update.ca_bundle
    yield "mail.password_file", config.mail.password_file
    yield "mail.ca_bundle", config.mail.ca_bundle
