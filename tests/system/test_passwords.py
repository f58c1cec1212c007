"""Promise: a password is kept with a strength that OWASP recommends, and what was kept otherwise is recognised."""

import subprocess
import sys

import pytest

from ospi_supervisor.system.passwords import hash_password, is_password, is_weaker, must_be_replaced

OWASP = {(2**17, 1), (2**16, 2), (2**15, 3), (2**14, 5), (2**13, 10)}
"""Its choices for scrypt, r=8, by n and p (Password Storage Cheat Sheet)."""


def test_the_programs_own_parameters_are_among_those_recommended() -> None:
    """In a process of its own: the tests' are cheap."""
    program = "from ospi_supervisor.system.passwords import hash_password; print(hash_password('correct cheval'))"
    kept = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    method, salt, digest = kept.split("$")
    name, n, r, p = method.split(":")
    assert (name, r) == ("scrypt", "8")
    assert (int(n), int(p)) in OWASP
    assert (len(salt), len(digest)) == (16, 128)
    assert is_password("correct cheval", kept)
    assert not is_password("correct chevaL", kept)


def test_each_hash_has_a_salt_of_its_own() -> None:
    assert hash_password("correct cheval") != hash_password("correct cheval")


@pytest.mark.parametrize("kept", ["$argon2id$v=19$m=12288,t=3,p=1$c2Vs$ZW1wcmVpbnRl", "pbkdf2:sha256:1$a$b", "", "x"])
def test_what_is_of_another_kind_is_to_be_replaced_and_fits_nothing(kept: str) -> None:
    assert must_be_replaced(kept)
    assert not is_password(kept, kept)


def test_other_parameters_are_told() -> None:
    assert not is_weaker(hash_password("x"))
    assert is_weaker(hash_password("x").replace("scrypt:512:", "scrypt:256:"))
