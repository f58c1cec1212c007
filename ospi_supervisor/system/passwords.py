"""How passwords are kept: scrypt by werkzeug, with its parameters in each hash, so that they can be raised."""

METHOD = "scrypt:32768:8:3"
"""Of the choices of parameters that OWASP holds equal (Password Storage Cheat Sheet), the one that takes 32 MiB a hash:
n=2^17, r=8, p=1 takes 128. Whoever hashes for strangers does it one at a time.
"""


def hash_password(password: str) -> str:
    """What is kept of `password`."""
    from werkzeug.security import generate_password_hash  # most commands of the shell have no password to look at

    return generate_password_hash(password, METHOD)


def is_password(password: str, kept: str) -> bool:
    """Whether `kept` is of that password; never of one that is to be replaced."""
    from werkzeug.security import check_password_hash

    return not must_be_replaced(kept) and check_password_hash(kept, password)


def must_be_replaced(kept: str) -> bool:
    """Whether nothing can be held against `kept`: version 0.1.0 had Argon2, which some systems have no library for."""
    return not kept.startswith("scrypt:")


def is_weaker(kept: str) -> bool:
    """Whether `kept` was made with other parameters than today's: hash the password anew once it is known."""
    return not kept.startswith(f"{METHOD}$")
