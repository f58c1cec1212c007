"""The configuration file: its keys, its types and its clear errors. Every key stands in `docs/configuration.md`."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from ospi_supervisor.config import forms, rules
from ospi_supervisor.config.backup_tables import BackupTable, RehearsalTable, Table
from ospi_supervisor.config.calendar_table import CalendarTable
from ospi_supervisor.config.forms import Positive
from ospi_supervisor.config.messages import in_french, unknown_keys
from ospi_supervisor.config.paths import StatePaths, state_paths
from ospi_supervisor.domain.prerequisites import Thresholds
from ospi_supervisor.domain.validation import Verdict
from ospi_supervisor.errors import ConfigurationError


class SupervisorTable(Table, frozen=True, kw_only=True):
    """`[supervisor]`: the program itself. `listen` is HOST:PORT; `trusted_proxies` lists addresses.

    `public_url` is the supervisor's own origin, under a host name that is not the platform's; None where it is served
    below the platform's. `instance` names this supervisor among those of its server, None where it is the only one or
    the first; `turn_file` is the lock that their updates take in turn, None where none waits for another.
    """

    state_dir: Path
    instance: Annotated[str, msgspec.Meta(pattern=forms.INSTANCE)] | None = None
    turn_file: Path | None = None
    public_url: Annotated[str, msgspec.Meta(pattern=forms.ORIGIN)] | None = None
    url_prefix: str = "/superviseur"
    listen: str = "127.0.0.1:8810"
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)
    secure_cookies: bool = True
    max_archive_bytes: Positive = 32 * 1024**3
    metrics_token_file: Path | None = None


class ServiceTable(Table, frozen=True, kw_only=True):
    """`[[platform.services]]`: a systemd unit, or three commands (split as a shell would, run without one).

    `status` exits 0 while the service runs. `timeout` is how long a start or a stop may take, in seconds.
    `held_until_open`: while a release is validated it stays stopped; what it does could not be taken back.
    """

    name: str
    systemd: str | None = None
    start: str | None = None
    stop: str | None = None
    status: str | None = None
    timeout: float = 60.0
    held_until_open: bool = False


class DatabaseTable(Table, frozen=True, kw_only=True):
    """`[[platform.databases]]`: `sqlite:////ABSOLUTE/PATH` or `postgresql://USER@HOST:PORT/NAME`.

    `password_file` holds a PostgreSQL password; only the worker's account can read it. `account` owns a SQLite file,
    which is only ever opened as that account; without it, `platform.account` does. A PostgreSQL server that asks for no
    password sees its clients run as that account.
    """

    name: str
    url: str
    account: str | None = None
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
    announce_minutes: Annotated[int, msgspec.Meta(ge=0, le=10_080)] = 120

    @property
    def invitations(self) -> Path:
        """The folder, beside the flag, of the links behind the closed door."""
        return self.flag.parent / "invitations"


class ValidationTable(Table, frozen=True, kw_only=True):
    """`[validation]`: for how many minutes a new release may wait behind the closed door, and what becomes of it where
    nobody decides, or a crash comes between; and for how many the health check goes on after a success."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 60
    without_decision: Verdict = Verdict.GO_BACK
    watch_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 60


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

    `hour` is local time; `jitter` the greatest delay after it, in minutes, spread over the servers. `silence` is how
    long the server or the proxy may send nothing, in seconds. `proxy` is
    `http://[USER@]HOST:PORT`, its password lies in `proxy_password_file`, which only the worker can read.
    `ca_bundle` replaces the system's certification authorities. `account` is the hospital's at the vendor's, whose
    password lies in `account_password_file`; it is given over https alone.
    """

    hosts: dict[str, Annotated[str, msgspec.Meta(pattern=forms.ADDRESS)]] = msgspec.field(default_factory=_seed_hosts)
    hour: Annotated[int, msgspec.Meta(ge=0, le=23)] = 0
    jitter: Annotated[int, msgspec.Meta(ge=0, le=720)] = 120
    proxy: Annotated[str, msgspec.Meta(pattern=forms.PROXY)] | None = None
    proxy_password_file: Path | None = None
    ca_bundle: Path | None = None
    silence: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 120
    account: str | None = None
    account_password_file: Path | None = None


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

    smtp: Annotated[str, msgspec.Meta(pattern=forms.SMTP)] | None = None
    recipients: tuple[Annotated[str, msgspec.Meta(pattern=forms.MAILBOX)], ...] = ()
    sender: Annotated[str, msgspec.Meta(pattern=forms.MAILBOX)] | None = msgspec.field(default=None, name="from")
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
    rehearsal: RehearsalTable = RehearsalTable()
    support: SupportTable = SupportTable()
    mail: MailTable = MailTable()
    validation: ValidationTable = ValidationTable()
    calendar: CalendarTable = CalendarTable()


class Config(Document, frozen=True, kw_only=True):
    """What the file says, and `file`, where it lies; None where it was read from none."""

    file: Path | None = None

    @property
    def paths(self) -> StatePaths:
        """Where the state lies."""
        return state_paths(self.supervisor.state_dir)

    @property
    def supervisor_address(self) -> str:
        """Where browsers reach the supervisor, without a final slash: its own origin, or below the platform's."""
        origin = urlsplit(self.supervisor.public_url or self.platform.public_url)
        return f"{origin.scheme}://{origin.netloc}{self.supervisor.url_prefix}"

    @property
    def suffix(self) -> str:
        """What this instance's accounts, units and cookies are told from other instances' by: `-NAME`, or nothing."""
        return "" if self.supervisor.instance is None else f"-{self.supervisor.instance}"

    @property
    def has_own_https_host(self) -> bool:
        """Whether the supervisor has an origin of its own that is ciphered."""
        return (self.supervisor.public_url or "").startswith("https:")


def load_config(path: Path) -> Config:
    """The configuration in `path`; ConfigurationError names the file and the key that is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"configuration {path} illisible : {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
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
        raise ConfigurationError(f"{origin} : {in_french(str(error), forms.FORMS)}") from error
    config = Config(**msgspec.structs.asdict(tables))
    _check(config, origin)
    return config


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


def _check(config: Config, origin: str) -> None:
    """What types alone cannot say."""
    for problem in (*rules.problems(config), *_of_paths(config)):
        raise ConfigurationError(f"{origin} : {problem}")


def _of_paths(config: Config) -> Iterator[str]:
    for name, path in named_paths(config):
        if not path.is_absolute():
            yield f"« {name} » doit être un chemin absolu, reçu {path}"


def named_paths(table: Table, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Every path that the file names, under its key: whatever a table declares as a path is found here,
    and the file itself under `file`."""
    for name in table.__struct_fields__:
        value = getattr(table, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Table):
                yield from named_paths(item, f"{prefix}{name}.")
            elif isinstance(item, Path):
                yield prefix + name, item
