"""The customers' file: who may sign in to the customer area, and which products each has.

JSON, `{"NAME": {"password": ARGON2, "products": {PRODUCT: INSTALLED or null}}}`, mode 0600, replaced atomically. The
running server sees a change at the next request.
"""

from pathlib import Path
from threading import Lock

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.files import write_atomically

PASSWORD_MIN_LENGTH = 8


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One customer. `products` gives each product's installed release, None where the vendor does not know it."""

    password: str
    products: dict[str, str | None]


class Customers:
    """The file at `path`; a missing one is an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # OWASP's second choice for Argon2id: 19 MiB a hash, one at a time, so that sign-ins cannot fill the memory.
        self._hasher = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
        self._turn = Lock()
        self._nobody = self._hasher.hash("nobody")

    def all(self) -> dict[str, Customer]:
        """Everybody by name; RefusedError where the file is not one of customers."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Customer])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise RefusedError(f"{self.path} n'est pas un fichier de clients ({error})") from error

    def put(self, name: str, password: str, products: dict[str, str | None]) -> None:
        """Add the customer `name`, or replace it; RefusedError where the name or the password is not fit."""
        if not name.strip() or len(password) < PASSWORD_MIN_LENGTH:
            raise RefusedError(f"il faut un nom, et un mot de passe d'au moins {PASSWORD_MIN_LENGTH} caractères")
        customer = Customer(password=self._hasher.hash(password), products=products)
        self._write(self.all() | {name: customer})

    def remove(self, name: str) -> None:
        """Remove the customer `name`; RefusedError where there is none."""
        customers = self.all()
        if customers.pop(name, None) is None:
            raise RefusedError(f"aucun client ne s'appelle « {name} »")
        self._write(customers)

    def check(self, name: str, password: str) -> Customer | None:
        """The customer, None where name or password is wrong; as long in one case as in the other."""
        customer = self.all().get(name)
        with self._turn:
            try:
                self._hasher.verify(customer.password if customer else self._nobody, password)
            except VerificationError:
                return None
        return customer

    def _write(self, customers: dict[str, Customer]) -> None:
        write_atomically(self.path, msgspec.json.format(msgspec.json.encode(customers)), mode=0o600)
