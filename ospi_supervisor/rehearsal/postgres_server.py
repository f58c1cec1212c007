"""A PostgreSQL server of the twin's own, at the real one's address, port and sockets, with the same roles.

It is made by this machine's own programs and runs in the twin, as an account without rights: it takes any password, and
keeps nothing. Its databases are loaded from outside, through a socket in its own folder.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.backup.scratch_server import NOBODY, wait_for_server
from ospi_supervisor.errors import BackupError, NotRehearsedError
from ospi_supervisor.hands.accounts import Account
from ospi_supervisor.rehearsal.databases import Inside, Needs, Program, Tick
from ospi_supervisor.rehearsal.postgres_facts import ServerFacts
from ospi_supervisor.system.files import open_regular

SETTINGS = (
    *("fsync=off", "full_page_writes=off", "autovacuum=off", "max_wal_senders=0", "archive_mode=off"),
    *("dynamic_shared_memory_type=mmap", "listen_addresses=*", "ssl=on", "logging_collector=off"),
    *("log_destination=stderr", "lc_messages=C", "allow_in_place_tablespaces=on"),
)
WHO_MAY = "local all all trust\nhost all all all trust\n"
AVAILABLE = "SELECT name FROM pg_available_extensions;"
LOG, ENDED = "serveur.log", "fini"
RUN = 'log="$0"; "$@" >"$log" 2>&1; : >"${log%/*}/fini"'
"""What the server says lies in its folder; so does the sign that it has ended."""
LONGEST_SOCKET = 107
MAKING_SECONDS = 300.0
SAID_BYTES = 4096


@dataclass(frozen=True)
class PrivateServer:
    """A server in the folder `place`, which the twin sees as `inside`."""

    facts: ServerFacts
    place: Path
    inside: Path

    @property
    def account(self) -> Account:
        """As whom it runs: PostgreSQL does not run as root."""
        return Account(os.geteuid(), (os.getegid(),)) if os.geteuid() else Account(int(NOBODY), (int(NOBODY),))

    def prepare(self) -> Needs:
        """Make all in the folder that the server does not make itself. OSError."""
        sockets = {folder: self.place / f"socket-{number}" for number, folder in enumerate(self.facts.sockets)}
        for folder in (self.place / "socket", *sockets.values()):
            folder.mkdir()
            folder.chmod(0o711)
        (self.place / "clients.conf").write_text(WHO_MAY, encoding="ascii")
        key, certificate = _self_signed(self.facts)
        (self.place / "serveur.key").touch(0o600)
        (self.place / "serveur.key").write_bytes(key)
        (self.place / "serveur.crt").write_bytes(certificate)
        for path in (*self.place.iterdir(), self.place):
            os.chown(path, self.account.user, self.account.groups[0])
        return Needs(
            folders={self.inside: self.place, **sockets},
            names={name: found[0] for name, found in self.facts.names.items()},
            addresses=tuple(one for one in sorted(self.facts.addresses) if not ip_address(one).is_loopback),
        )

    def start(self, inside: Inside, client: Client, tick: Tick) -> None:
        """Make the server and start it in the twin, with the roles of the real one; `client` leads to it.

        NotRehearsedError with the server's own words where it does not start; or where an extension of the real one's
        is not on this machine.
        """
        status, said = inside.run(Program(command=self._making(), account=self.account), MAKING_SECONDS)
        if status:
            raise NotRehearsedError(f"le serveur PostgreSQL du double n'a pas pu être créé : {_last(said)}")
        command = ("/bin/sh", "-c", RUN, f"{self.inside}/{LOG}", *self._serving())
        inside.start(Program(command=command, account=self.account))
        try:
            wait_for_server(client, lambda: 1 if os.path.lexists(self.place / ENDED) else None, tick)
        except BackupError as error:
            raise NotRehearsedError(f"le serveur PostgreSQL du double n'a pas démarré : {self._said()}") from error
        if missing := self.facts.extensions - set(client.ask(AVAILABLE, tick)):
            raise NotRehearsedError(
                f"l'extension {min(missing)} de PostgreSQL n'est pas installée sur cette machine avec ses programmes"
            )
        client.ask(self.facts.script, tick)

    @contextmanager
    def reached(self) -> Iterator[Callable[[str, str], Client]]:
        """What makes a client, from outside, of one of its databases, by its names in the configuration and there.

        NotRehearsedError where its folder has too long a name for an ordinary user's socket.
        """
        secret = self.place.with_name(f"{self.place.name}.secret")
        secret.write_text("sans objet", encoding="ascii")  # a client that has one runs as nobody's account
        folder = os.open(self.place / "socket", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        host = f"/proc/self/fd/{folder}" if os.geteuid() == 0 else os.fspath(self.place / "socket")
        server = f"postgresql://{quote(self.facts.owner, safe='')}@"
        query = f"host={quote(host, safe='')}&port={self.facts.port}"
        try:
            if len(os.fsencode(f"{host}/.s.PGSQL.{self.facts.port}")) > LONGEST_SOCKET:
                raise NotRehearsedError(f"le chemin {host} est trop long pour un socket de PostgreSQL")
            yield lambda name, database: Client(
                name, f"{server}/{quote(database, safe='')}?{query}", secret, None, (folder,)
            )
        finally:
            os.close(folder)

    def _making(self) -> tuple[str, ...]:
        encoding, collate, ctype = self.facts.template
        return (
            *(f"{self.facts.programs}/initdb", f"--pgdata={self.inside}/data", "--auth=trust", "--no-sync"),
            *(f"--username={self.facts.owner}", f"--encoding={encoding}", f"--lc-collate={collate}"),
            *(f"--lc-ctype={ctype}", "--lc-messages=C"),
        )

    def _serving(self) -> tuple[str, ...]:
        sockets = ",".join(f'"{folder}"' for folder in (self.inside / "socket", *self.facts.sockets))
        places = (
            *(f"port={self.facts.port}", f"unix_socket_directories={sockets}", f"hba_file={self.inside}/clients.conf"),
            *(f"ssl_cert_file={self.inside}/serveur.crt", f"ssl_key_file={self.inside}/serveur.key"),
        )
        options = (word for setting in (*self.facts.settings, *SETTINGS, *places) for word in ("-c", setting))
        return (f"{self.facts.programs}/postgres", "-D", f"{self.inside}/data", *options)

    def _said(self) -> str:
        try:
            with open_regular(self.place / LOG) as file:
                return _last(file.read(SAID_BYTES).decode("utf-8", "backslashreplace"))
        except OSError as error:
            return f"il n'a rien dit ({error.strerror})"


def first_database(client: Callable[[str, str], Client], name: str) -> Client:
    """The client of the database that a new server has."""
    return client(name, MAINTENANCE)


def _last(said: str) -> str:
    lines: Sequence[str] = [line for line in said.splitlines() if line.strip()]
    wrong = [line for line in lines if "FATAL" in line or "error:" in line]
    return " / ".join((wrong or lines)[-3:]) or "il n'a rien dit"


def _self_signed(facts: ServerFacts) -> tuple[bytes, bytes]:
    """A key and a certificate of a few days, for clients that ask for a ciphered connection, whoever answers."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "double de la plateforme")])
    names = [x509.DNSName(one) for one in sorted(facts.names) if one.isascii()]
    addresses = [x509.IPAddress(ip_address(one)) for one in sorted(facts.addresses)]
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    if names or addresses:
        builder = builder.add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
    )
