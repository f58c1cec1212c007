"""Whether this server may update itself (the seed, « Mise à jour automatique »), rule by rule, in French words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.domain.offers import os_matches
from ospi_supervisor.domain.prerequisites import Judgement, Verdict
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
    `automatic` is whether the line `update.auto.disable` says OUI, that is: updates itself.
    """

    installed: str
    os_id: str
    os_version: str
    os_name: str
    systems: Collection[str]
    automatic: bool


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known at the moment of a run.

    `fresh_until` is the end of validity of the repository's metadata, None where they could not be had, and
    `repository_error` says why; `available` is the version of the archive that suits this server, if any.
    """

    now: datetime
    installed: str
    active_update: int | None = None
    intervention: int | None = None
    fresh_until: datetime | None = None
    repository_error: str = ""
    available: str | None = None
    locked_versions: Collection[str] = ()


def judge_server(facts: ServerFacts) -> list[Judgement]:
    """Whether the server is one that updates itself: its version, its system, its setting."""
    return [_platform_version(facts), _operating_system(facts), _setting(facts)]


def judge_run(facts: RunFacts) -> list[Judgement]:
    """Whether an automatic update may start at this moment."""
    return [_no_active_update(facts), _no_intervention(facts), _metadata(facts), _available(facts), _lock(facts)]


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
        else "NON : le serveur ne se met pas à jour automatiquement",
        "OUI",
        None if facts.automatic else "Renseignez OUI à la ligne update.auto.disable dans Paramètres \\ Général.",
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
    """Having nothing to install is no fault: a warning at most."""
    newer = facts.available is not None and is_newer(facts.available, facts.installed)
    measured, remedy = f"version {facts.available} disponible", ""
    if facts.available is None and facts.fresh_until is None:
        measured, remedy = f"inconnue : {NOT_YET}", "Lancez « Vérifier maintenant »."
    elif not newer:
        measured = f"aucune plus récente que {facts.installed}"
        remedy = "Rien à faire : l'automate vérifie chaque nuit."
    return Judgement(
        rule="available",
        label="Nouvelle version",
        measured=measured,
        required="une version plus récente",
        verdict=Verdict.OK if newer else Verdict.WARNING,
        remedy=remedy,
    )


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
