"""The settings that administrators change in « Paramètres / Général »: their values, and what each does, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ospi_supervisor.domain.offers import Channel
from ospi_supervisor.domain.put_off import PutOff
from ospi_supervisor.domain.versions import parse_version
from ospi_supervisor.errors import RefusedError

REASON_LENGTH = 500
LONGEST_DAYS = 365
"""The most days for which a release is put off; longer is until told."""


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
        "NON": "Ce serveur n'installe rien de lui-même, sauf les versions de sécurité si update.auto.security le veut :"
        " les autres s'installent depuis l'onglet Import.",
    },
)
"""The vendor's documentation says OUI for a server that updates itself, though the name suggests the contrary (the
seed, « Mise à jour automatique »): the key and that meaning are kept."""

SECURITY_UPDATE = Setting(
    name="update.auto.security",
    title="Versions de sécurité",
    default="NON",
    effects={
        "OUI": "Les versions de sécurité sont installées la nuit, même quand update.auto.disable vaut NON.",
        "NON": "Les versions de sécurité suivent la même règle que les autres : update.auto.disable.",
    },
)

CHANNEL = Setting(
    name="update.channel",
    title="Canal",
    default=Channel.STABLE.value,
    effects={
        Channel.STABLE.value: "Ce serveur reçoit les versions définitives seulement.",
        Channel.PREVIEW.value: "Ce serveur reçoit aussi les préversions, destinées aux essais.",
    },
)

SETTINGS = {setting.name: setting for setting in (AUTOMATIC_UPDATE, SECURITY_UPDATE, CHANNEL)}

PUT_OFF = "update.auto.put_off/"
"""How the settings are called that put one release off; the version follows. Their value is `put_off_value`'s."""


def updates_itself(value: str) -> bool:
    """Whether that value of `update.auto.disable` lets the server update itself."""
    return value == "OUI"


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What the settings make of this server."""

    automatic: bool = False
    security: bool = False
    channel: Channel = Channel.STABLE
    put_off: tuple[PutOff, ...] = ()


def in_force(stored: Mapping[str, tuple[str, str]]) -> InForce:
    """What is in force where `stored` holds, by name, value and author of each setting that was changed once."""

    def value(setting: Setting) -> str:
        return stored.get(setting.name, (setting.default, ""))[0]

    put_off = (read_put_off(name, *row) for name, row in stored.items() if name.startswith(PUT_OFF))
    return InForce(
        automatic=updates_itself(value(AUTOMATIC_UPDATE)),
        security=value(SECURITY_UPDATE) == "OUI",
        channel=Channel(value(CHANNEL)),
        put_off=tuple(filter(None, put_off)),
    )


def put_off_value(reason: str, until: date | None) -> str:
    """The value that puts a release off until that day (excluded), or until told where None."""
    return f"{until.isoformat() if until else ''}|{reason}"


def read_put_off(name: str, value: str, by: str) -> PutOff | None:
    """What a setting called `PUT_OFF` and a version says, None where it was lifted; RefusedError where unreadable."""
    if not value:
        return None
    until, _, reason = value.partition("|")
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise RefusedError(f"donnez la raison du report, en {REASON_LENGTH} caractères au plus")
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError:
        raise RefusedError(f"« {until} » n'est pas une date ; attendue par exemple 2026-06-30") from None
    return PutOff(version=name.removeprefix(PUT_OFF), reason=reason.strip(), by=by, until=day)


def check_setting(name: str, value: str) -> None:
    """RefusedError where there is no such setting, or it cannot have that value."""
    if name.startswith(PUT_OFF):
        parse_version(name.removeprefix(PUT_OFF))
        read_put_off(name, value, "")
        return
    setting = SETTINGS.get(name)
    if setting is None:
        raise RefusedError(f"il n'y a pas de paramètre « {name} »", code="unknown")
    if value not in setting.effects:
        accepted = " ou ".join(setting.effects)
        raise RefusedError(f"« {name} » ne peut pas valoir « {value} » ; donnez {accepted}")
