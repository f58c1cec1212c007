"""Where the demonstration keeps what, and the configuration that it gives to the supervisor."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.samples import PRODUCT
from ospi_supervisor.platform.machine import operating_system

REPOSITORY = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
OWN_HOST = "superviseur.localhost"
"""What browsers resolve to this machine by themselves."""

CONFIGURATION = """\
# Configuration de la démonstration, écrite à chaque démarrage par « make demo ».
[supervisor]
state_dir = {state}
listen = "{host}:{port}"
trusted_proxies = []
{own_host}
secure_cookies = false  # la démonstration est servie en HTTP, sur cette machine seulement

[platform]
product = "{product}"
name = "Portail BI"
root = {platform}
public_url = "{url}/"
health_url = "http://{host}:{portal_port}/health"
data_dirs = [{data}]
health_timeout = 30.0

[[platform.services]]
name = "portail"
start = {start}
stop = {stop}
status = {status}

[[platform.databases]]
name = "portail"
url = {database}

[maintenance]
flag = {flag}
page_dir = {page}
contact = "Service informatique de la démonstration, poste 4242"

[backup]
directory = {backups}

[rehearsal]
mode = "when_possible"

[trust]
root = {trust}
support_key = {support_key}

# Le serveur de mise à jour du système de cette machine est celui de la démonstration.
[automatic_update]
hosts = {{ {system} = "http://{host}:{vendor_port}/repository/" }}

# Abaissés pour la démonstration : l'éditeur demande 4 cœurs, 8 Go de mémoire et 30 % de disque libre.
[prerequisites]
cores = 1
memory_gb = 1
free_disk_percent = 2
"""


@dataclass(frozen=True)
class Layout:
    """The demonstration's folder, absolute; nothing is written outside. With `own_host`, the supervisor has an origin
    of its own, as a server's is advised to have."""

    root: Path
    own_host: bool = False

    @property
    def document(self) -> Path:
        """`demo.json`: what programs may read of the running demonstration."""
        return self.root / "demo.json"

    @property
    def prepared(self) -> Path:
        """What the preparation made, written last: without it, the preparation begins anew."""
        return self.root / "prepared.json"

    @property
    def lock(self) -> Path:
        """Held while a demonstration runs in this folder."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """The supervisor's configuration."""
        return self.root / "supervisor.toml"

    @property
    def state(self) -> Path:
        """The supervisor's state."""
        return self.root / "state"

    @property
    def platform(self) -> Path:
        """The platform's root, with `releases/` and `current`."""
        return self.root / "platform"

    @property
    def data(self) -> Path:
        """The portal's data."""
        return self.root / "data"

    @property
    def run(self) -> Path:
        """The portal's pid file and output."""
        return self.root / "run"

    @property
    def maintenance(self) -> Path:
        """The switch and the page."""
        return self.root / "maintenance"

    @property
    def backups(self) -> Path:
        """The platform's snapshots."""
        return self.root / "backups"

    @property
    def vendor(self) -> Path:
        """The vendor's keys, releases and sample archives."""
        return self.root / "vendor"

    @property
    def logs(self) -> Path:
        """What the web process and the worker print."""
        return self.root / "logs"

    def owned(self) -> tuple[Path, ...]:
        """All that the demonstration makes: the folder may hold other things, which are left alone."""
        folders = (
            self.state,
            self.platform,
            self.data,
            self.run,
            self.maintenance,
            self.backups,
            self.vendor,
            self.logs,
        )
        quarantines = self.root.glob(".ospi-quarantaine-*")  # what a restore moved out of the data
        return (*folders, *quarantines, self.config, self.prepared, self.document)

    def service_command(self, action: str, portal_port: int) -> list[str]:
        """The command that starts, stops or looks at the portal."""
        command = [sys.executable, str(REPOSITORY / "demo" / "service.py"), action, "--port", str(portal_port)]
        return [*command, "--root", str(self.platform), "--data", str(self.data), "--run", str(self.run)]

    @property
    def repository(self) -> Path:
        """What the vendor published."""
        return self.vendor / "repository"

    @property
    def support_key(self) -> Path:
        """The key of the vendor's support, which signs its codes."""
        return self.vendor / "keys" / "private" / "support.pem"

    @property
    def customers(self) -> Path:
        """Who may enter the vendor's customer area."""
        return self.vendor / "customers.json"

    def config_text(self, port: int, portal_port: int, vendor_port: int) -> str:
        """The configuration file: thresholds lowered, so that any machine can run the demonstration."""
        own_host = "# public_url : OSPI_DEMO_OWN_HOST=1 donne au Superviseur son propre nom d'hôte"
        if self.own_host:
            own_host = f'public_url = "http://{OWN_HOST}:{port}"'
        values: dict[str, Path | str] = {
            "state": self.state,
            "platform": self.platform,
            "data": self.data,
            "database": f"sqlite:///{self.data / 'portail.db'}",
            "flag": self.maintenance / "flag",
            "page": self.maintenance / "page",
            "backups": self.backups,
            "trust": self.vendor / "keys" / "root.json",
            "support_key": self.vendor / "keys" / "support.pub.pem",
            "system": operating_system().id,
            **{way: shlex.join(self.service_command(way, portal_port)) for way in ("start", "stop", "status")},
        }
        return CONFIGURATION.format(
            **{name: _toml(value) for name, value in values.items()},
            host=HOST,
            port=port,
            portal_port=portal_port,
            vendor_port=vendor_port,
            url=f"http://{HOST}:{port}",
            product=PRODUCT,
            own_host=own_host,
        )


def _toml(value: Path | str) -> str:
    """A basic string of TOML."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
