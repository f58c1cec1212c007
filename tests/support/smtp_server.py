"""A real SMTP server on a free port of this machine: with TLS, accounts, or bad manners."""

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.support.reading import plain_spaces


@dataclass
class Letter:
    """What was handed over, and how."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    ciphered: bool
    account: str | None

    @property
    def text(self) -> str:
        """What one reads."""
        return plain_spaces(str(self.message.get_content()).replace("\r\n", "\n"))


@dataclass
class Post:
    """What a test sees of the server. `certificate` (key and certificate) offers STARTTLS, or TLS at once where
    `tls_at_once`; `at_data` is called when a message has arrived, before it is taken."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    certificate: Path | None = None
    tls_at_once: bool = False
    accounts: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    manners: str = "good"  # or "silent", "dripping", or "closed"
    at_data: Callable[[], None] = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event)


class _Handler(StreamRequestHandler):
    post: Post

    def handle(self) -> None:
        self.ciphered = False
        self.account: str | None = None
        self.sender, self.recipients = "", list[str]()
        try:
            if self.post.tls_at_once:
                self._cipher()
            if self._greet():
                while self._obey(self.rfile.readline().decode().strip()):
                    pass
        except OSError:  # the client went away, or wants no such certificate
            pass

    def _greet(self) -> bool:
        if self.post.manners == "silent":
            self.post.stopping.wait()
            return False
        while self.post.manners == "dripping" and not self.post.stopping.wait(0.05):
            self._say("220-toujours pas")
        self._say("554 Closed today." if self.post.manners == "closed" else "220 poste.example")
        return True

    def _obey(self, line: str) -> bool:
        self.post.commands.append(line)
        verb, _, rest = line.partition(" ")
        command = getattr(self, f"_{verb.lower()}", None)
        if command is None:
            self._say("502 ?")
        else:
            command(rest)
        return bool(line) and verb != "QUIT"

    def _ehlo(self, rest: str) -> None:
        offers = ["poste.example"]  # the first line of the answer is no offer
        offers += ["STARTTLS"] if self.post.certificate and not self.ciphered else []
        offers += ["AUTH PLAIN"] if self.post.accounts else []
        for offer in offers:
            self._say(f"250-{offer}")
        self._say("250 SIZE 1000000")

    def _starttls(self, rest: str) -> None:
        self._say("220 go")
        self._cipher()

    def _auth(self, rest: str) -> None:
        _, name, password = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
        good = self.post.accounts.get(name) == password
        self.account = name if good else None
        self._say("235 ok" if good else "535 5.7.8 wrong")

    def _mail(self, rest: str) -> None:
        self.sender = rest.partition("<")[2].partition(">")[0]
        self._say("250 ok")

    def _rcpt(self, rest: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self.post.refused:
            self._say("550 5.1.1 unknown here")
            return
        self.recipients.append(address)
        self._say("250 ok")

    def _data(self, rest: str) -> None:
        self._say("354 go")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.post.letters.append(Letter(self.sender, self.recipients, message, self.ciphered, self.account))
        self.post.at_data()
        self._say("250 taken")

    def _noop(self, rest: str) -> None:
        self._say("250 ok")

    def _rset(self, rest: str) -> None:
        self._say("250 ok")

    def _quit(self, rest: str) -> None:
        self._say("221 bye")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _cipher(self) -> None:
        assert self.post.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.post.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.ciphered = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()


@contextmanager
def a_post(**settings: object) -> Iterator[Post]:
    """A server with those fields of `Post`, until the end of the block."""
    post = Post(**settings)  # type: ignore[arg-type]  # its fields by their names

    class Handler(_Handler):
        pass

    Handler.post = post
    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        post.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield post
        finally:
            post.stopping.set()
            server.shutdown()
            thread.join()
