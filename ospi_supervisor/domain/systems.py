"""Operating systems, named as os-release does: `ID`, or `ID-MAJOR` where the major version matters."""

from collections.abc import Collection


def names_of(os_id: str, os_version: str) -> tuple[str, str]:
    """What a system goes by, the more precise name first."""
    return f"{os_id}-{os_version.split('.', 1)[0]}", os_id


def os_matches(accepted: Collection[str], os_id: str, os_version: str) -> bool:
    """Whether a system is one of `accepted`; none accepts any."""
    return not accepted or not set(names_of(os_id, os_version)).isdisjoint(accepted)
