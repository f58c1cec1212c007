"""A whole supervisor without its worker, in a folder: real databases, real archives, a platform that answers."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from werkzeug.test import Client, TestResponse

from ospi_supervisor.bootstrap.operations import make_diagnostics, make_operations
from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.domain.events import EventData, EventKind
from ospi_supervisor.domain.hour import Hour
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.system.passwords import hash_password
from ospi_supervisor.web import create_app
from ospi_supervisor.web.serving.server import mount
from tests.support import archives
from tests.support.http_server import Handler, serving
from tests.support.reading import plain_spaces

PREFIX = "/superviseur"
PASSWORD = "correct cheval pile"
INSTALLED = "11.5.0"
CONFIG = """
[supervisor]
state_dir = "{folder}/state"
listen = "127.0.0.1:{port}"
secure_cookies = false
max_archive_bytes = 4000000000
metrics_token_file = "{folder}/metrics-token"
[platform]
product = "portail-bi"
name = "Portail BI"
root = "{folder}/platform"
public_url = "{platform}health"
health_url = "{platform}health"
[maintenance]
flag = "{folder}/flag"
page_dir = "{folder}/page"
[backup]
directory = "{folder}/backups"
[trust]
root = "{root}"
[prerequisites]
cores = {cores}
memory_gb = 0.1
free_disk_percent = 0
"""


@dataclass(frozen=True)
class Archives:
    """Archives by the name of what is wrong with them, the vendor's root, and an archive of this very program."""

    root: Path
    good: Path
    large: Path
    bad: Mapping[str, Path]
    own: Path


def make_archives(folder: Path) -> Archives:
    """One good archive, a larger good one of several packs, and the bad ones that the header or a pack tells."""
    keys = archives.make_keys(folder)
    tree = archives.make_tree(folder / "tree")
    good = archives.build_archive(folder / "good.ospi", keys, tree)
    packs = archives.make_tree(folder / "large-tree", dict(archives.TREE) | {"blob": _incompressible()})
    large = archives.build_archive(folder / "large.ospi", keys, packs)
    bad = {
        "empty": archives.empty(folder / "empty.ospi"),
        "unsigned": archives.unsigned(good, folder / "unsigned.ospi"),
        "foreign_key": archives.foreign_key(good, folder / "foreign.ospi"),
        "tampered": archives.tampered(good, folder / "tampered.ospi"),
        "truncated": archives.truncated(good, folder / "truncated.ospi"),
        "decompressed": archives.decompressed(good, folder / "decompressed.ospi"),
        "downgrade": archives.build_archive(folder / "old.ospi", keys, tree, version="11.4.0"),
        "wrong_product": archives.build_archive(folder / "rh.ospi", keys, tree, product="portail-rh"),
        "platform_too_old": archives.build_archive(folder / "12.ospi", keys, tree, version="12.0.0", requires=">=11.9"),
    }
    own = archives.build_archive(folder / "own.ospi", keys, tree, product=OWN_PRODUCT, version="99.0", requires=">=0.1")
    return Archives(keys / "root.json", good, large, bad, own)


def _incompressible() -> bytes:
    return b"".join(hashlib.sha512(number.to_bytes(4, "big")).digest() for number in range(8 * 1024 * 1024 // 64))


class Site:
    """The supervisor's web side over a folder. `engine` writes what the worker would."""

    def __init__(self, folder: Path, platform_url: str, root: Path, *, port: int = 8810, cores: int = 1) -> None:
        self.folder = folder
        (folder / "platform/releases" / INSTALLED).mkdir(parents=True)
        (folder / "platform/current").symlink_to(f"releases/{INSTALLED}")
        (folder / "metrics-token").write_text("jeton-de-mesure\n")
        self.config_path = folder / "supervisor.toml"
        self.config_path.write_text(
            CONFIG.format(folder=folder, platform=platform_url, root=root, port=port, cores=cores)
        )
        self.config: Config = load_config(self.config_path)
        self.engine = EngineStore(sqlite_url(self.config.paths.engine_db))
        self.operations = make_operations(self.config)
        self.operations.web.add_account("admin", _password_hash(), (ADMINISTRATION_SYSTEM,), now())
        self.operations.web.add_account("infirmier", _password_hash(), ("soins",), now())
        self.app = create_app(
            self.config,
            self.operations,
            make_diagnostics(self.config, self.operations.reader, self.operations.status).bundle,
        )

    def browser(self, username: str | None = "admin") -> "Browser":
        """A browser, signed in unless `username` is None."""
        browser = Browser(mount(self.app, self.config))
        if username is not None:
            response = browser.sign_in(username)
            assert response.status_code == 303, response.text
        return browser

    def update(
        self, status: UpdateStatus = UpdateStatus.RUNNING, *, to: str = "11.6.0", product: str = "portail-bi"
    ) -> int:
        """An update as the worker records it, with its first events; not ended unless `status` is final."""
        number = self.planned(None)
        self.engine.begin(number, INSTALLED, now())
        self.engine.set_version(number, product, to)
        self.phase(number, Phase.VERIFY, PhaseStatus.DOING)
        if status.is_final:
            self.engine.finish(number, status, now())
            self.event(number, "end", Phase.VERIFY, status=status)
        return number

    def planned(self, start_at: datetime | None) -> int:
        """An update to 11.6.0 that waits for `start_at`, or for the worker."""
        new = NewUpdate(
            product="portail-bi",
            from_version=INSTALLED,
            source="import",
            requested_by="admin",
            archive=self.folder / "archive",
            notice_sha256=None,
            notice_read_at=None,
            start_at=start_at,
            to_version="11.6.0",
        )
        return self.engine.admit(new, now())

    def prepared(self, switch_at: datetime | None) -> int:
        """An update to 11.6.0 that is prepared, for that hour or after it was missed."""
        number = self.update()
        self.hold(number, switch_at)
        return number

    def hold(self, number: int, switch_at: datetime | None) -> None:
        """That update becomes prepared, for that hour or after it was missed."""
        for phase in Phase:
            if rule_of(phase).cancellable:
                self.phase(number, phase, PhaseStatus.DONE)
                self.engine.set_phase(number, phase, ended_at=now(), percent=100.0)
        self.engine.hold(number, None if switch_at is None else Hour(switch_at=switch_at, wake_at=switch_at), now())
        message = "Tout est prêt : la page de maintenance sera mise en place à l'heure choisie."
        self.event(number, "hour", Phase.BACKUP, level="info", message=message)

    def phase(self, number: int, phase: Phase, status: PhaseStatus) -> None:
        """A phase changes, with its event."""
        self.engine.set_phase(number, phase, status=status, started_at=now())
        self.event(number, "phase", phase, status=status)

    def event(self, number: int, kind: str, phase: Phase, **data: Any) -> None:
        """One more event."""
        self.engine.add_event(number, EventKind(kind), phase, now(), cast(EventData, data))

    def progress(self, number: int, phase: Phase, percent: float, message: str = "") -> None:
        """A phase tells how far it is, as the worker writes it: its row and the event at once."""
        with self.engine.transaction():
            self.engine.set_phase(number, phase, percent=percent)
            self.event(number, "progress", phase, percent=percent, message=message)

    def close(self) -> None:
        """Close the databases."""
        self.app.extensions["ospi_supervisor"].broadcaster.stop()
        self.operations.web.close()
        self.operations.reader.close()
        self.engine.close()


class Browser:
    """Cookies, the CSRF token of the page at hand, and addresses below the prefix."""

    def __init__(self, wsgi: Any) -> None:
        self.client = Client(lambda environ, start: wsgi(environ | {"REMOTE_ADDR": "127.0.0.1"}, start))
        self.token = ""

    def sign_in(self, username: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        """Fill the sign-in form in and send it."""
        self.get("connexion")
        fields |= {"username": username, "password": password, "csrf_token": self.token}
        response = self.client.post(f"{PREFIX}/connexion", data=fields)
        self.get("support")
        return response

    def get(self, path: str, **options: Any) -> TestResponse:
        """A page; its CSRF token is kept."""
        response = as_read(self.client.get(f"{PREFIX}/{path}", **options))
        found = re.search(
            'name="csrf-token" content="([^"]+)"', response.text if response.mimetype == "text/html" else ""
        )
        self.token = found[1] if found else self.token
        return response

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> TestResponse:
        """Any request, with the CSRF token in its header."""
        headers = {"X-CSRFToken": self.token, **(headers or {})}
        return as_read(self.client.open(f"{PREFIX}/{path}", method=method, headers=headers, **options))

    def post(self, path: str, **options: Any) -> TestResponse:
        """A form."""
        return self.send("POST", path, **options)

    # --- tus --------------------------------------------------------------------------------------------------

    def tus(
        self, method: str, path: str = "", headers: Mapping[str, str] | None = None, data: bytes = b""
    ) -> TestResponse:
        """A request of the resumable upload."""
        path = f"mises-a-jour/televersements{'/' if path else ''}{path}"
        return self.send(method, path, {"Tus-Resumable": "1.0.0", **(headers or {})}, data=data)

    def create(self, size: int) -> str:
        """A new upload; its identifier."""
        response = self.tus("POST", headers={"Upload-Length": str(size), "Upload-Metadata": "filename bWFqLm9zcGk="})
        assert response.status_code == 201, response.text
        return response.headers["Location"].rsplit("/", 1)[1]

    def slice(self, upload: str, offset: int, data: bytes, **headers: str) -> TestResponse:
        """Send one slice."""
        return self.tus(
            "PATCH",
            upload,
            {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)} | headers,
            data,
        )

    def upload(self, archive: Path, slice_bytes: int = 1024 * 1024) -> str:
        """Send a file until it is in or refused; the upload's identifier."""
        data = archive.read_bytes()
        upload = self.create(len(data))
        for offset in range(0, len(data), slice_bytes):
            if self.slice(upload, offset, data[offset : offset + slice_bytes]).status_code != 204:
                break
        return upload

    def document(self, upload: str) -> dict[str, Any]:
        """What `api/uploads/ID` says."""
        found: dict[str, Any] = json.loads(self.get(f"api/uploads/{upload}").text)
        return found


def as_read(response: TestResponse) -> TestResponse:
    """A page with plain spaces, as a reader tells them; `tests/test_typography.py` looks at which they are."""
    if response.mimetype == "text/html" and not response.content_encoding:
        response.set_data(plain_spaces(response.get_data(as_text=True)))
    return response


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@contextmanager
def answering_platform(folder: Path) -> Iterator[str]:
    """A platform of the installed version; its address."""

    def answer(handler: Handler) -> bool:
        handler.answer(200, json.dumps({"status": "ok", "version": INSTALLED}).encode())
        return True

    with serving(folder) as server:
        server.behaviour = answer
        yield server.url
