"""Versions of a platform and what a release asks of the one installed."""

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ospi_supervisor.errors import RefusedError


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


def _conditions(requirement: str) -> SpecifierSet:
    try:
        return SpecifierSet(requirement)
    except InvalidSpecifier:
        raise RefusedError(f"« {requirement} » n'est pas une condition de version") from None


def satisfies(installed: str, requirement: str) -> bool:
    """Whether the installed version meets a requirement such as `>=10.0.0`; pre-releases count."""
    return _conditions(requirement).contains(parse_version(installed), prereleases=True)
