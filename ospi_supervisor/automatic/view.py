"""The automatic update as pages and the shell show it: judged anew at each look, on what the worker recorded."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ospi_supervisor.automatic.facts import nightly_plan, repository_of, server_facts
from ospi_supervisor.config import Config
from ospi_supervisor.domain.eligibility import RunFacts, judge_run, judge_server
from ospi_supervisor.domain.prerequisites import Judgement, is_refused
from ospi_supervisor.domain.schedule import next_run
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from ospi_supervisor.platform.zone import local_zone
from ospi_supervisor.store.engine_reader import AutomaticRow, EngineReader


@dataclass(frozen=True)
class AutomaticView:
    """The reading side. `installed_version` is what the link `current` names."""

    config: Config
    reader: EngineReader
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]

    def setting(self) -> dict[str, Any]:
        """The line `update.auto.disable`: its value, what it does, who changed it last and when."""
        row = self.reader.setting(AUTOMATIC_UPDATE.name)
        value = row.value if row else AUTOMATIC_UPDATE.default
        return {
            "name": AUTOMATIC_UPDATE.name,
            "value": value,
            "effect": AUTOMATIC_UPDATE.effects[value],
            "changed_by": row.changed_by if row else None,
            "changed_at": row.changed_at.isoformat() if row else None,
        }

    def document(self) -> dict[str, Any]:
        """The document of `api/automatic`. PlatformError where the installed version is unknown."""
        installed = self.installed_version()
        setting = self.setting()
        facts = server_facts(self.config.automatic_update, installed, setting["value"])
        row = self.reader.automatic()
        server = judge_server(facts)
        run = judge_run(self._run_facts(installed, row.last_check if row else None))
        return {
            "setting": setting,
            "system": {"id": facts.os_id, "version": facts.os_version, "name": facts.os_name},
            "repository": repository_of(self.config.automatic_update),
            "eligible": not is_refused(server),
            "server": [asdict(judgement) for judgement in server],
            "run": [asdict(judgement) for judgement in run],
            "next_run": self._next_run(row, server),
            "last_check": row.last_check if row else None,
            "last_run": row.last_run if row else None,
            "activity": row.activity if row and self.reader.worker_alive(self.clock()) else None,
        }

    def _run_facts(self, installed: str, check: dict[str, Any] | None) -> RunFacts:
        found = check or {"fresh_until": None, "error": "", "available": None}
        product = self.config.platform.product
        return RunFacts(
            now=self.clock(),
            installed=installed,
            active_update=self.reader.active_update(),
            intervention=self.reader.awaiting_intervention(),
            fresh_until=datetime.fromisoformat(found["fresh_until"]) if found["fresh_until"] else None,
            repository_error=found["error"],
            available=found["available"]["version"] if found["available"] else None,
            locked_versions=[lock["version"] for lock in self.reader.locks() if lock["product"] == product],
        )

    def _next_run(self, row: AutomaticRow | None, server: list[Judgement]) -> str | None:
        """None where this server does not update itself, or its worker never ran."""
        if row is None or is_refused(server):
            return None
        plan = nightly_plan(self.config.automatic_update, row.server_id, local_zone())
        return next_run(plan, self.clock(), row.last_night).isoformat()
