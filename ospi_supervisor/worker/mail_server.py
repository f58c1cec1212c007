"""The hospital's mail server, spoken to by SMTP."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from threading import Thread

from ospi_supervisor.config.tables import MailTable
from ospi_supervisor.errors import MailError

SMTP_PORT, SMTPS_PORT = 25, 465
STEP_SECONDS = 10.0
"""How long the server may take for one answer."""

LIMIT_SECONDS = 30.0
"""How long it may take for all of it, its name's resolution included."""


@dataclass(frozen=True)
class MailServer:
    """The server that `[mail]` names; its `smtp` is given."""

    table: MailTable
    step: float = STEP_SECONDS
    limit: float = LIMIT_SECONDS

    def send(self, message: EmailMessage) -> None:
        """Hand `message` over, in `limit` seconds at most; MailError where it is not taken for every recipient."""

        def send() -> None:
            with self._session() as session:
                refused = session.send_message(message)
            if refused:
                reasons = ", ".join(f"{address} ({_answer(*answer)})" for address, answer in refused.items())
                raise MailError(f"le serveur de messagerie {self._name} ne prend pas le message pour {reasons}")

        self._bounded(send)

    def check(self) -> None:
        """Greet the server, and sign in where there is an account; MailError where that fails."""

        def greet() -> None:
            with self._session() as session:
                session.noop()

        self._bounded(greet)

    @property
    def _name(self) -> str:
        return str(self.table.smtp)

    def _bounded(self, work: Callable[[], None]) -> None:
        """`work`, in a thread of its own: neither a name server nor a server that answers drop by drop keeps us."""
        failures: list[Exception] = []

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)

        thread = Thread(target=run, name="mail", daemon=True)
        thread.start()
        thread.join(self.limit)
        if thread.is_alive():
            raise MailError(f"le serveur de messagerie {self._name} n'en finit pas ; le message est peut-être parti")
        for error in failures:
            if isinstance(error, OSError | ValueError):  # all of smtplib's and ssl's are of the former kind
                raise MailError(f"le serveur de messagerie {self._name} : {_words(error)}") from error
            raise error

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        host, _, port = self._name.partition(":")
        if self.table.tls:
            smtps = smtplib.SMTP_SSL(host, int(port or SMTPS_PORT), timeout=self.step, context=self._context())
            with smtps as session:
                self._sign_in(session)
                yield session
            return
        with smtplib.SMTP(host, int(port or SMTP_PORT), timeout=self.step) as session:
            session.ehlo_or_helo_if_needed()
            if session.has_extn("starttls"):
                session.starttls(context=self._context())
            elif self.table.account is not None:
                raise MailError(
                    f"le serveur de messagerie {self._name} n'offre pas STARTTLS : le mot de passe ne lui est pas"
                    " envoyé en clair ; voyez « mail.tls »"
                )
            self._sign_in(session)
            yield session

    def _sign_in(self, session: smtplib.SMTP) -> None:
        if self.table.account is not None and self.table.password_file is not None:
            password = self.table.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            session.login(self.table.account, password)

    def _context(self) -> ssl.SSLContext:
        """Whom to believe. Where no secret depends on it and nothing was asked for, any certificate is better than no
        cipher: relays inside a hospital often have one that they made themselves."""
        table = self.table
        context = ssl.create_default_context(cafile=None if table.ca_bundle is None else str(table.ca_bundle))
        if not table.tls and table.account is None and table.ca_bundle is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return ", ".join(f"{address} refusé ({_answer(*answer)})" for address, answer in error.recipients.items())
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return "délai dépassé"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"connexion interrompue ({error})"
    if isinstance(error, UnicodeError):  # its own words would show a part of the password
        return "un caractère de l'adresse, du compte ou du mot de passe n'est pas pris en charge ; restez en ASCII"
    if isinstance(error, socket.gaierror):
        return "nom inconnu du serveur de noms"
    if isinstance(error, ConnectionRefusedError):
        return "connexion refusée"
    if isinstance(error, ssl.SSLError):
        return f"certificat ou TLS refusé ({error}) ; voyez « mail.ca_bundle »"
    return " ".join(str(error).split())


def _answer(code: int, text: bytes | str) -> str:
    """What the server said, in one line."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {decoded}".split())
