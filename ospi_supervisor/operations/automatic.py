"""The automatic update as pages and the shell show it: judged anew at each look, on what the worker recorded."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ospi_supervisor import __version__
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.automatic import nightly_plan, recorded_outlook, repository_of, server_facts
from ospi_supervisor.domain.eligibility import RunFacts, judge_own, judge_run, judge_server
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.prerequisites import Judgement, is_refused
from ospi_supervisor.domain.put_off import PutOff
from ospi_supervisor.domain.schedule import next_run
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE, CHANNEL, PUT_OFF, SECURITY_UPDATE, Setting, in_force
from ospi_supervisor.domain.versions import is_newer, is_same, parse_version
from ospi_supervisor.store.automatic_documents import (
    AutomaticDocument,
    AvailableDocument,
    CheckDocument,
    JudgementDocument,
    PutOffDocument,
    SettingDocument,
)
from ospi_supervisor.store.engine_reader import AutomaticRow, EngineReader
from ospi_supervisor.system.zone import local_zone

NEVER_CHECKED: CheckDocument = {
    "at": "",
    "repository": "",
    "links": [],
    "error": "",
    "fresh_until": None,
    "available": None,
}


@dataclass(frozen=True)
class AutomaticView:
    """The reading side. `installed_version` is what the link `current` names."""

    config: Config
    reader: EngineReader
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]

    def setting(self, setting: Setting = AUTOMATIC_UPDATE) -> SettingDocument:
        """One line of « Paramètres / Général »: its value, what it does, who changed it last and when."""
        row = self.reader.setting(setting.name)
        value = row.value if row else setting.default
        return {
            "name": setting.name,
            "value": value,
            "effect": setting.effects[value],
            "changed_by": row.changed_by if row else None,
            "changed_at": row.changed_at.isoformat() if row else None,
        }

    def put_off(self) -> list[PutOffDocument]:
        """The releases that administrators do not want yet."""
        today = self.clock().astimezone(local_zone()).date()
        found = in_force(self.reader.settings_under("update.")).put_off
        return [_put_off(item) for item in found if item.holds(item.version, today)]

    def put_off_name(self, version: str) -> str:
        """The setting that puts `version` off; an earlier one of the same release keeps its spelling (`11.6` is
        `11.6.0`). RefusedError where it names no version."""
        known = (item.version for item in in_force(self.reader.settings_under(PUT_OFF)).put_off)
        return PUT_OFF + next((spelt for spelt in known if is_same(spelt, version)), str(parse_version(version)))

    def document(self) -> AutomaticDocument:
        """The document of `api/automatic`. PlatformError where the installed version is unknown."""
        installed = self.installed_version()
        settings = in_force(self.reader.settings_under("update."))
        facts = server_facts(self.config.automatic_update, installed, settings)
        row = self.reader.automatic()
        server = judge_server(facts)
        check = _as_of(installed, row.last_check if row else None)
        next_run = self._next_run(row, server)
        run = self._run_facts(installed, check, next_run)
        own = self._own_facts(run, check)
        return {
            "setting": self.setting(),
            "security": self.setting(SECURITY_UPDATE),
            "channel": self.setting(CHANNEL),
            "put_off": self.put_off(),
            "system": {"id": facts.os_id, "version": facts.os_version, "name": facts.os_name},
            "repository": repository_of(self.config.automatic_update),
            "eligible": not is_refused(server),
            "server": [_judgement(judgement) for judgement in server],
            "run": [_judgement(judgement) for judgement in (*judge_run(run), *judge_own(own))],
            "next_run": next_run,
            "own": _first_of_all(own, check),
            "last_check": check,
            "last_run": row.last_run if row else None,
            "activity": row.activity if row and self.reader.worker_alive(self.clock()) else None,
        }

    def _run_facts(self, installed: str, check: CheckDocument | None, at: str | None) -> RunFacts:
        found = check or NEVER_CHECKED
        product, zone = self.config.platform.product, local_zone()
        next_run = datetime.fromisoformat(at) if at else self.clock()
        closure = self.config.calendar.rules(local_zone).calendar.closure(next_run, zone)
        return RunFacts(
            now=self.clock(),
            closed=closure.reason if closure else "",
            installed=installed,
            active_update=self.reader.active_update(),
            intervention=self.reader.awaiting_intervention(),
            fresh_until=datetime.fromisoformat(found["fresh_until"]) if found["fresh_until"] else None,
            repository_error=found["error"],
            available=found["available"]["version"] if found["available"] else None,
            outlook=recorded_outlook(found),
            locked_versions=self._locked(product),
        )

    def _own_facts(self, run: RunFacts, check: CheckDocument | None) -> RunFacts:
        """As `run`, of this very program."""
        found = check.get("own") if check else None
        available = found["available"] if found else None
        return replace(
            run,
            installed=__version__,
            available=available["version"] if available else None,
            outlook=recorded_outlook(found) if found else None,
            locked_versions=self._locked(OWN_PRODUCT),
        )

    def _locked(self, product: str) -> list[str]:
        return [lock["version"] for lock in self.reader.locks() if lock["product"] == product]

    def _next_run(self, row: AutomaticRow | None, server: list[Judgement]) -> str | None:
        """None where this server does not update itself, or its worker never ran."""
        if row is None or is_refused(server):
            return None
        plan = nightly_plan(self.config, row.server_id, local_zone())
        return next_run(plan, self.clock(), row.last_night).isoformat()


def _as_of(installed: str, check: CheckDocument | None) -> CheckDocument | None:
    """A check without what was installed since, by whatever way: it is no longer to be had."""
    if check is None:
        return None
    offer, own = check["available"], check.get("own")
    if offer is not None and not is_newer(offer["version"], installed):
        check = check | {"available": None, "outlook": None}
    if own and own["available"] and not is_newer(own["available"]["version"], __version__):
        check = check | {"own": None}
    return check


def _first_of_all(own: RunFacts, check: CheckDocument | None) -> AvailableDocument | None:
    """The archive of this program that goes before the platform's, unless its version is locked."""
    found = check.get("own") if check else None
    if found is None or any(is_same(own.available or "0", version) for version in own.locked_versions):
        return None
    return found["available"]


def _put_off(item: PutOff) -> PutOffDocument:
    until = item.until.isoformat() if item.until else None
    return {"version": item.version, "reason": item.reason, "by": item.by, "until": until}


def _judgement(judgement: Judgement) -> JudgementDocument:
    return {
        "rule": judgement.rule,
        "label": judgement.label,
        "measured": judgement.measured,
        "required": judgement.required,
        "verdict": judgement.verdict.value,
        "remedy": judgement.remedy,
    }
