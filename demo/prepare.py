"""The demonstration's first start: the vendor's archives, the platform on its first release, the accounts."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from demo.layout import HOST, REPOSITORY, Layout
from demo.samples import INSTALLED, PRODUCT, Vendor, write_release
from demo.seed import write_data
from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from ospi_supervisor.publisher.customer_area.customers import Customers
from ospi_supervisor.publisher.publication import refresh
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.system.files import write_atomically

ADMINISTRATOR, USER, CUSTOMER = "admin", "utilisateur", "chu-demonstration"


@dataclass(frozen=True)
class Prepared:
    """What the first start made and later ones find. `archives` are paths by their names in the contract."""

    passwords: dict[str, str]
    portal_port: int
    vendor_port: int
    archives: dict[str, str]


def prepare(layout: Layout, port: int) -> Prepared:
    """What the first start made; made now where there is none yet, or only a part of it."""
    if layout.prepared.exists():
        prepared = _load(layout)
        refresh(Repository(layout.repository), Vendor(layout.vendor, datetime.now(UTC)).keys, datetime.now(UTC))
    else:
        forget(layout)
        prepared = _first_start(layout, port)
    write_config(layout, port, prepared)
    return prepared


def _load(layout: Layout) -> Prepared:
    """What the first start kept; SystemExit where that was another version of the demonstration."""
    try:
        return Prepared(**json.loads(layout.prepared.read_text(encoding="utf-8")))
    except TypeError:
        sys.exit(f"{layout.root} vient d'une autre version de la démonstration ; oubliez-la : make demo-reset")


def forget(layout: Layout) -> None:
    """Remove all that the demonstration made; the portal must be stopped."""
    for path in layout.owned():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def write_config(layout: Layout, port: int, prepared: Prepared) -> None:
    """Write the supervisor's configuration for this start."""
    text = layout.config_text(port, prepared.portal_port, prepared.vendor_port)
    write_atomically(layout.config, text.encode("utf-8"))


def environment() -> dict[str, str]:
    """Ours, with the interpreter that runs us first: the hooks of the portal's releases ask for `python3`."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def supervisor(layout: Layout, *arguments: str) -> list[str]:
    """A command of `ospi-supervisor` on the demonstration's configuration."""
    program = "from ospi_supervisor.cli import main; main()"
    return [sys.executable, "-c", program, "--config", str(layout.config), *arguments]


def vendor(layout: Layout, port: int) -> list[str]:
    """The vendor's server: the customer area, and the repository that the automatic update asks."""
    program = "from ospi_supervisor.publisher.cli import main; main()"
    options = ["--repository", str(layout.repository), "--customers", str(layout.customers)]
    return [sys.executable, "-c", program, "serve", *options, "--listen", f"{HOST}:{port}"]


def _first_start(layout: Layout, port: int) -> Prepared:
    print("Première fois : préparation de la plateforme et des archives…", flush=True)
    for folder in (layout.state, layout.backups, layout.maintenance, layout.logs):
        folder.mkdir(parents=True)
    maker = Vendor(layout.vendor, datetime.now(UTC))
    archives = maker.prepare()
    maker.publish(layout.repository, archives["good"])
    _install_platform(layout)
    prepared = Prepared(
        passwords={name: secrets.token_urlsafe(9) for name in (ADMINISTRATOR, USER, CUSTOMER)},
        portal_port=free_port(),
        vendor_port=free_port(),
        archives={name: str(path.relative_to(layout.root)) for name, path in archives.items()},
    )
    Customers(layout.customers).put(CUSTOMER, prepared.passwords[CUSTOMER], {PRODUCT: INSTALLED})
    write_config(layout, port, prepared)
    _run(supervisor(layout, "adopt", INSTALLED, "--writable", "cache"))
    _prepare_release(layout.platform / "releases" / INSTALLED)
    _run(supervisor(layout, "user", "add", ADMINISTRATOR, "--group", ADMINISTRATION_SYSTEM), prepared, ADMINISTRATOR)
    _run(supervisor(layout, "user", "add", USER), prepared, USER)
    save(layout, prepared)
    return prepared


def save(layout: Layout, prepared: Prepared) -> None:
    """Keep what was made for later starts; the passwords are for nobody else."""
    write_atomically(layout.prepared, json.dumps(asdict(prepared)).encode("utf-8"), mode=0o600)


def _install_platform(layout: Layout) -> None:
    """Put the first release in place as its vendor delivered it, and data of some months' use."""
    release = layout.platform / "releases" / INSTALLED
    release.parent.mkdir(parents=True)
    write_release(release, INSTALLED)
    (release / "cache").mkdir()  # the writable folder, which its archive has too: a delta fits this very tree
    (layout.platform / "current").symlink_to(Path("releases") / INSTALLED)
    write_data(layout.data)


def _prepare_release(release: Path) -> None:
    """What its vendor's technician once ran: it makes the release's cache, which no archive holds."""
    hook = subprocess.run(
        [release / "hooks" / "10-referentiel"],
        env={**environment(), "OSPI_RELEASE_DIR": str(release)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if hook.returncode != 0:
        sys.exit("la première version du portail ne peut pas être installée ; voir le message ci-dessus")


def _run(command: list[str], prepared: Prepared | None = None, account: str = "") -> None:
    """Run a command that must succeed, the password of `account` on its standard input."""
    password = prepared.passwords[account] if prepared else ""
    done = subprocess.run(
        command, input=password + "\n", cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"la démonstration ne peut pas être préparée : {done.stderr.strip()}")


def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
