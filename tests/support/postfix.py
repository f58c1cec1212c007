"""Debian's Postfix as a relay of a hospital's: a private instance of a test's own, on loopback, from one folder."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.support.system import free_port, let_others_in, listens, require_program, require_root, wait_until

DOMAIN = "hopital.example"
OWNER = "postfix"

MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relais.{domain}
mydestination =
alias_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:new/
virtual_mailbox_base = {folder}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_chain_files = {certificate}
smtpd_tls_security_level = encrypt
smtpd_tls_received_header = yes
smtpd_sasl_auth_enable = no
smtpd_recipient_restrictions = reject_unauth_destination
maillog_file = /dev/stdout
"""
"""It takes nothing without STARTTLS, asks nobody who they are, and says in each message how it was handed over."""

MASTER = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Relay:
    """Where it listens, and the folder in which all that it took stands."""

    port: int
    folder: Path

    def letters(self) -> list[EmailMessage]:
        """What has arrived in its mailbox."""
        found = []
        for path in sorted((self.folder / "boxes" / "new" / "new").glob("*")):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            assert isinstance(message, EmailMessage)
            found.append(message)
        return found


@contextmanager
def a_relay(folder: Path, certificate: Path) -> Iterator[Relay]:
    """Postfix at work, with that key and certificate; its mails lie below `folder`, which its account may enter."""
    require_root("Postfix starts as root")
    program = require_program("postfix")
    relay = Relay(free_port(), folder)
    _lay_out(relay, certificate)
    command = [program, "-c", str(folder / "etc"), "start-fg"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until(lambda: process.poll() is not None or listens(relay.port), "Postfix")
            assert process.poll() is None, (folder / "log").read_text()
            yield relay
        finally:
            subprocess.run([program, "-c", str(folder / "etc"), "stop"], check=False, capture_output=True, timeout=60)


def _lay_out(relay: Relay, certificate: Path) -> None:
    folder = relay.folder
    for name in ("etc", "queue", "data", "boxes"):
        (folder / name).mkdir(parents=True)
    let_others_in(folder)
    for name in ("data", "boxes"):
        shutil.chown(folder / name, OWNER, OWNER)
    mine = (folder / "data").stat()
    values = {"folder": folder, "domain": DOMAIN, "certificate": certificate, "uid": mine.st_uid, "gid": mine.st_gid}
    (folder / "etc" / "main.cf").write_text(MAIN.format(**values))
    (folder / "etc" / "master.cf").write_text(MASTER.format(port=relay.port))
