"""The customers' file: who may sign in to the customer area, and which products each has.

JSON, `{"format": 2, "written_by": VERSION, "customers": {"NAME": {"password": SCRYPT, "products": {PRODUCT: INSTALLED
or null}}}}`, mode 0600, replaced atomically. The running server sees a change at the next request. Version 0.1.0 wrote
what stands under `customers` alone.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.system.files import write_atomically
from ospi_supervisor.system.formats import newer
from ospi_supervisor.system.passwords import hash_password, is_password, must_be_replaced

PASSWORD_MIN_LENGTH = 8
FORMAT = 2


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One customer. `products` gives each product's installed release, None where the vendor does not know it."""

    password: str
    products: dict[str, str | None]

    @property
    def must_renew(self) -> bool:
        """Whether the password is one that nothing can be held against any more: it must be replaced."""
        return must_be_replaced(self.password)


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """The file as it is written."""

    format: int
    written_by: str
    customers: dict[str, Customer]


class Customers:
    """The file at `path`; a missing one is an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # One hash at a time, and in one thread: the memory that each takes stays with the thread that took it.
        self._hashing = ThreadPoolExecutor(1)
        self._nobody = hash_password("nobody")

    def all(self) -> dict[str, Customer]:
        """Everybody by name; RefusedError where the file is not one of customers, or a newer program wrote it."""
        try:
            return self._decode(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise RefusedError(f"{self.path} n'est pas un fichier de clients ({error})") from error

    def _decode(self, data: bytes) -> dict[str, Customer]:
        document = msgspec.json.decode(data)
        if not _says_its_format(document):
            return msgspec.convert(document, dict[str, Customer])
        if document["format"] > FORMAT:
            raise RefusedError(newer(f"le fichier de clients {self.path}", str(document.get("written_by"))))
        return msgspec.convert(document, _File).customers

    def put(self, name: str, password: str, products: dict[str, str | None]) -> None:
        """Add the customer `name`, or replace it; RefusedError where the name or the password is not fit."""
        if not name.strip() or len(password) < PASSWORD_MIN_LENGTH:
            raise RefusedError(f"il faut un nom, et un mot de passe d'au moins {PASSWORD_MIN_LENGTH} caractères")
        customer = Customer(password=hash_password(password), products=products)
        self._write(self.all() | {name: customer})

    def remove(self, name: str) -> None:
        """Remove the customer `name`; RefusedError where there is none."""
        customers = self.all()
        if customers.pop(name, None) is None:
            raise RefusedError(f"aucun client ne s'appelle « {name} »")
        self._write(customers)

    def check(self, name: str, password: str) -> Customer | None:
        """The customer, None where name or password is wrong; as long in one case as in the other."""
        return self._hashing.submit(self._check, name, password).result()

    def _check(self, name: str, password: str) -> Customer | None:
        customer = self.all().get(name)
        if customer is None or customer.must_renew:
            is_password(password, self._nobody)
            return None
        return customer if is_password(password, customer.password) else None

    def some_must_renew(self) -> bool:
        """Whether anybody's password must be replaced."""
        return any(customer.must_renew for customer in self.all().values())

    def _write(self, customers: dict[str, Customer]) -> None:
        file = _File(format=FORMAT, written_by=__version__, customers=customers)
        self._put_aside()
        write_atomically(self.path, msgspec.json.format(msgspec.json.encode(file)), mode=0o600)

    def _put_aside(self) -> None:
        """Keep the file of version 0.1.0 beside the one that takes its place."""
        data = self.path.read_bytes() if self.path.exists() else b"{}"
        if data != b"{}" and not _says_its_format(msgspec.json.decode(data)):
            write_atomically(self.path.with_name(f"{self.path.name}.format-1"), data, mode=0o600)


def _says_its_format(document: object) -> bool:
    """Whether the file is none of version 0.1.0's, in which even a customer of that name is no number."""
    return isinstance(document, dict) and isinstance(document.get("format"), int)
