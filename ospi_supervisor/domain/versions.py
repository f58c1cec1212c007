"""Versions of a platform and what a release asks of the one installed."""

from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from ospi_supervisor.errors import RefusedError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


@lru_cache(maxsize=4096)  # a path through hundreds of releases compares each with each
def parse_version(text: str) -> Version:
    """The version that `text` names, such as `11.6.0`; RefusedError where it names none."""
    try:
        return Version(text)
    except InvalidVersion:
        raise RefusedError(f"« {text} » n'est pas un numéro de version ; attendu par exemple 11.6.0") from None


def is_newer(candidate: str, installed: str) -> bool:
    """Whether `candidate` is a later version than `installed` (an equal one is not)."""
    return parse_version(candidate) > parse_version(installed)


def is_same(one: str, other: str) -> bool:
    """Whether both name one version, however they spell it: `11.6` is `11.6.0` (PEP 440). RefusedError as above."""
    return parse_version(one) == parse_version(other)


_WORDS = {
    ">=": "{} ou supérieure",
    ">": "supérieure à {}",
    "<=": "{} ou antérieure",
    "<": "antérieure à {}",
    "==": "{} exactement",
    "!=": "autre que {}",
    "~=": "{} ou une correction de celle-ci",
    "===": "{} exactement",
}


def in_words(requirement: str) -> str:
    """A condition such as `>=10.0.0,<12` as the administrator reads it: « 10.0.0 ou supérieure, antérieure à 12 »."""
    conditions = sorted(
        _conditions(requirement), key=lambda condition: parse_version(condition.version.removesuffix(".*"))
    )
    return ", ".join(_WORDS[condition.operator].format(condition.version) for condition in conditions)


def tightest(*requirements: str) -> str:
    """All conditions as one; of several lower bounds, the highest stands for them all."""
    conditions = set(_conditions(",".join(filter(None, requirements))))
    minimums = [condition for condition in conditions if condition.operator == ">="]
    highest = max(minimums, key=lambda condition: parse_version(condition.version), default=None)
    return ",".join(sorted(str(item) for item in conditions if item.operator != ">=" or item == highest))


@lru_cache(maxsize=4096)
def _conditions(requirement: str) -> "SpecifierSet":
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # a third of what `status` would load

    try:
        return SpecifierSet(requirement)
    except InvalidSpecifier:
        raise RefusedError(f"« {requirement} » n'est pas une condition de version") from None


def can_follow(version: str, requirement: str) -> bool:
    """Whether some release meets `requirement` and is older than `version`: else no server could ever install it.

    RefusedError where one is not a version, the other not a condition.
    """
    conditions, target = _conditions(requirement), parse_version(version)
    bounds = [condition.version.removesuffix(".*") for condition in conditions]
    candidates = ["0", *bounds, *(f"{bound}.0.1" for bound in bounds), f"{target.base_version}.dev0"]
    # A bound such as « 11.5rc1 » has nothing after it that could be tried: the others speak for it.
    parsed = [candidate for candidate in candidates if _is_version(candidate)]
    return any(parse_version(one) < target and satisfies(one, requirement) for one in parsed)


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except RefusedError:
        return False
    return True


def satisfies(installed: str, requirement: str) -> bool:
    """Whether the installed version meets a requirement such as `>=10.0.0`; pre-releases count."""
    return _conditions(requirement).contains(parse_version(installed), prereleases=True)
