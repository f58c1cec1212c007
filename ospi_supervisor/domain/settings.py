"""The settings that administrators change in « Paramètres / Général »: their values, and what each does, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from ospi_supervisor.errors import RefusedError


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of the page. `effects` says what each accepted value does."""

    name: str
    title: str
    default: str
    effects: Mapping[str, str]


AUTOMATIC_UPDATE = Setting(
    name="update.auto.disable",
    title="Mise à jour automatique",
    default="NON",
    effects={
        "OUI": "Ce serveur se met à jour automatiquement, la nuit, dès qu'une nouvelle version est disponible.",
        "NON": "Ce serveur ne se met pas à jour de lui-même : chaque version est installée depuis l'onglet Import.",
    },
)
"""The vendor's documentation says OUI for a server that updates itself, though the name suggests the contrary (the
seed, « Mise à jour automatique »): the key and that meaning are kept."""

SETTINGS = {setting.name: setting for setting in (AUTOMATIC_UPDATE,)}


def updates_itself(value: str) -> bool:
    """Whether that value of `update.auto.disable` lets the server update itself."""
    return value == "OUI"


def check_setting(name: str, value: str) -> None:
    """RefusedError where there is no such setting, or it cannot have that value."""
    setting = SETTINGS.get(name)
    if setting is None:
        raise RefusedError(f"il n'y a pas de paramètre « {name} »", code="unknown")
    if value not in setting.effects:
        accepted = " ou ".join(setting.effects)
        raise RefusedError(f"« {name} » ne peut pas valoir « {value} » ; donnez {accepted}")
