"""`ospi-supervisor check`: one short function a check, each a finding in the administrator's words, with its remedy."""

from collections.abc import Mapping

from ospi_supervisor.administration.checks import at_work, certificates, configured, drills, handouts, rights, server
from ospi_supervisor.administration.checks.base import Check
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.findings import Finding, Grade
from ospi_supervisor.errors import SupervisorError

OF_UPDATES: dict[str, Check] = {
    "trust": configured.trust,
    "release": configured.release,
    "places": configured.places,
    "owners": rights.owners,
    "data": configured.data,
    "origin": configured.origin,
    "secrets": configured.secrets,
    "account": configured.account,
    "hands": configured.hands,
    "obstacles": configured.obstacles,
    "services": at_work.services,
    "databases": at_work.databases,
    "health": at_work.health,
}
"""What an update depends on: where one failed, the same findings make the next night no better."""

PROCESSES: dict[str, Check] = {"web": at_work.web_process, "worker": at_work.worker_process}
"""Our own two."""

CHECKS: dict[str, Check] = OF_UPDATES | {
    "rights": rights.table,
    "readable": rights.readable,
    **PROCESSES,
    "front": at_work.front,
    "pages": at_work.own_pages,
    "units": server.units,
    "versions": server.versions,
    "clock": server.clock,
    "certificates": certificates.certificates,
    "backups": server.backups,
    "drills": drills.drills,
    "handouts": handouts.handouts,
    "afterwards": at_work.afterwards,
    "mail": at_work.mail,
}


def run_checks(config: Config, adapters: Adapters, checks: Mapping[str, Check] = CHECKS) -> list[Finding]:
    """Every check's findings, in the order of `checks`. An error that a check raises is its last finding."""
    findings: list[Finding] = []
    for name, check in checks.items():
        try:
            findings.extend(Finding(name, level, message) for level, message in check(config, adapters))
        except (SupervisorError, OSError) as error:
            findings.append(Finding(name, Grade.ERROR, str(error)))
    return findings
