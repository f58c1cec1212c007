"""Whether this server may update itself (the seed, « Mise à jour automatique »), rule by rule, in French words."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from ospi_supervisor.domain.outlook import Outlook
from ospi_supervisor.domain.prerequisites import Judgement, Verdict
from ospi_supervisor.domain.systems import os_matches
from ospi_supervisor.domain.versions import is_newer, is_same, satisfies

MINIMUM_VERSION = "11.5"
"""The seed: « il faut que la plateforme soit en version 11.5.x ou supérieur »."""

NOT_YET = "le dépôt n'a pas encore été consulté"
SYSTEM_NAMES = {"centos-7": "CentOS 7", "rocky": "Rocky Linux"}
"""The seed gives an address to each of these two; others, such as a demonstration's, go by their identifier."""


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What is known of the server itself.

    `systems` are the identifiers that an update server is configured for (`ID` or `ID-MAJOR` of os-release);
    `automatic` is whether the line `update.auto.disable` says OUI, that is: updates itself; `security` whether
    `update.auto.security` does: it then takes security releases all the same.
    """

    installed: str
    os_id: str
    os_version: str
    os_name: str
    systems: Collection[str]
    automatic: bool
    security: bool = False


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known at the moment of a run.

    `fresh_until` is the end of validity of the repository's metadata, None where they could not be had, and
    `repository_error` says why; `available` is the version of the archive that suits this server, if any, and `outlook`
    what was found beside it, None where that was not recorded. `closed` is why the calendar lets nothing begin then,
    empty where it does.
    """

    now: datetime
    installed: str
    active_update: int | None = None
    intervention: int | None = None
    fresh_until: datetime | None = None
    repository_error: str = ""
    available: str | None = None
    outlook: Outlook | None = None
    locked_versions: Collection[str] = ()
    closed: str = ""


def judge_server(facts: ServerFacts) -> list[Judgement]:
    """Whether the server is one that updates itself: its version, its system, its setting."""
    return [_platform_version(facts), _operating_system(facts), _setting(facts)]


def judge_run(facts: RunFacts) -> list[Judgement]:
    """Whether an automatic update may start at this moment."""
    rules = (_no_active_update, _no_intervention, _calendar, _metadata, _available, _lock)
    return [rule(facts) for rule in rules]


def judge_own(facts: RunFacts) -> list[Judgement]:
    """What there is of this very program, as `facts` have it; nothing where there is nothing. It keeps the platform's
    updates from nothing."""
    if facts.outlook is None or (facts.available is None and facts.outlook.blocked is None):
        return []
    lock, found = _lock(facts), _available(facts)
    if lock.verdict is Verdict.REFUSED:
        found = replace(found, measured=lock.measured, verdict=Verdict.WARNING, remedy=lock.remedy)
    return [replace(found, rule="own_available", label="Nouvelle version du Superviseur")]


def _judgement(rule: str, label: str, measured: str, required: str, remedy: str | None) -> Judgement:
    """A verdict that is good where there is nothing to remedy."""
    verdict = Verdict.OK if remedy is None else Verdict.REFUSED
    return Judgement(rule=rule, label=label, measured=measured, required=required, verdict=verdict, remedy=remedy or "")


def _platform_version(facts: ServerFacts) -> Judgement:
    # Without the pre-releases of 11.5 itself: « 11.5.x ou supérieur » begins with 11.5.0.
    ok = satisfies(facts.installed, f">={MINIMUM_VERSION}")
    return _judgement(
        "platform_version",
        "Version de la plateforme",
        facts.installed,
        f"{MINIMUM_VERSION} ou supérieure",
        None if ok else f"Installez d'abord une version {MINIMUM_VERSION} ou supérieure depuis l'onglet Import.",
    )


def _operating_system(facts: ServerFacts) -> Judgement:
    ok = bool(facts.systems) and os_matches(facts.systems, facts.os_id, facts.os_version)
    names = [SYSTEM_NAMES.get(system, system) for system in facts.systems]
    return _judgement(
        "operating_system",
        "Système d'exploitation",
        facts.os_name,
        " ou ".join(names) or "un système qui a un serveur de mise à jour",
        None
        if ok
        else "Ce système n'a pas de serveur de mise à jour ; contactez votre service informatique, qui se"
        " rapprochera du support, et installez les mises à jour depuis l'onglet Import.",
    )


def _setting(facts: ServerFacts) -> Judgement:
    return _judgement(
        "setting",
        "Paramètre update.auto.disable",
        "OUI : le serveur se met à jour automatiquement"
        if facts.automatic
        else "NON, mais update.auto.security vaut OUI : seules les versions de sécurité sont installées"
        if facts.security
        else "NON : le serveur ne se met pas à jour automatiquement",
        "OUI",
        None
        if facts.automatic or facts.security
        else "Renseignez OUI à la ligne update.auto.disable dans Paramètres / Général.",
    )


def _no_active_update(facts: RunFacts) -> Judgement:
    busy = facts.active_update is not None
    return _judgement(
        "no_active_update",
        "Mise à jour en cours",
        f"mise à jour n° {facts.active_update} en cours" if busy else "aucune",
        "aucune",
        "Attendez la fin de la mise à jour en cours ; l'automate repassera la nuit suivante." if busy else None,
    )


def _calendar(facts: RunFacts) -> Judgement:
    return _judgement(
        "calendar",
        "Calendrier",
        f"« {facts.closed} »" if facts.closed else "rien ne s'y oppose",
        "aucune période où rien ne peut commencer",
        "L'automate repassera la nuit suivante ; le calendrier est dans la configuration." if facts.closed else None,
    )


def _no_intervention(facts: RunFacts) -> Judgement:
    stuck = facts.intervention is not None
    return _judgement(
        "no_intervention",
        "Intervention du support",
        f"la mise à jour n° {facts.intervention} attend une intervention" if stuck else "aucune attendue",
        "aucune attendue",
        "Contactez le support : rien ne peut être installé avant son intervention." if stuck else None,
    )


def _metadata(facts: RunFacts) -> Judgement:
    if facts.fresh_until is None:
        measured = facts.repository_error or NOT_YET
        to_do = " et suivez le remède indiqué pour la liaison en défaut" if facts.repository_error else ""
        remedy: str | None = f"Lancez « Vérifier maintenant »{to_do}."
    elif facts.fresh_until <= facts.now:
        measured = f"informations périmées depuis le {facts.fresh_until:%d/%m/%Y}"
        remedy = "Vérifiez la date et l'heure du serveur ; si elles sont justes, contactez le support."
    else:
        measured = f"à jour, valables jusqu'au {facts.fresh_until:%d/%m/%Y}"
        remedy = None
    return _judgement("metadata", "Informations du dépôt", measured, "signées et à jour", remedy)


def _available(facts: RunFacts) -> Judgement:
    """Having nothing to install is no fault: a warning at most. A newer release that cannot be had is told as one."""
    newer = facts.available is not None and is_newer(facts.available, facts.installed)
    blocked = facts.outlook.blocked if facts.outlook else None
    measured, remedy = _offered(facts) if newer else _nothing_offered(facts)
    if blocked is not None:
        known = f"{measured} ; " if newer else ""
        name = f"version {blocked.version}, " if blocked.version else ""
        measured, remedy = f"{known}{name}{blocked.reason}", blocked.cure
    return Judgement(
        rule="available",
        label="Nouvelle version",
        measured=measured,
        required="une version plus récente",
        verdict=Verdict.OK if newer and (blocked is None or blocked.waits) else Verdict.WARNING,
        remedy=remedy,
    )


def _offered(facts: RunFacts) -> tuple[str, str]:
    path = facts.outlook.path if facts.outlook else ()
    steps = f", étape vers {path[-1]} ({' → '.join([facts.installed, *path])})" if len(path) > 1 else ""
    return f"version {facts.available} disponible{steps}", ""


def _nothing_offered(facts: RunFacts) -> tuple[str, str]:
    if facts.fresh_until is None and facts.repository_error:
        return "inconnue : la dernière vérification a échoué", "Suivez le remède indiqué pour le maillon en défaut."
    if facts.available is None and facts.fresh_until is None:
        return f"inconnue : {NOT_YET}", "Lancez « Vérifier maintenant »."
    if facts.outlook is None:
        return "aucune qui convienne à ce serveur", "Lancez « Vérifier maintenant » pour en connaître la raison."
    return f"aucune plus récente que {facts.installed}", "Rien à faire : l'automate vérifie chaque nuit."


def _lock(facts: RunFacts) -> Judgement:
    available = facts.available
    locked = available is not None and any(is_same(available, version) for version in facts.locked_versions)
    return _judgement(
        "version_lock",
        "Échec antérieur de cette version",
        f"la version {facts.available} a déjà échoué sur ce serveur" if locked else "aucun",
        "aucun",
        "Cette version ne sera pas relancée ; contactez le support." if locked else None,
    )
