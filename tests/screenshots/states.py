"""Every state that the pages know, made up in databases as the worker would write them."""

from collections.abc import Callable
from datetime import timedelta

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from tests.support.drills import CERTIFICATE, FAILED, PATH, publish
from tests.support.handouts import configured, tell
from tests.support.pages import PAGES
from tests.support.site import Site, now

SUIVI, DASHBOARD, IMPORT = "mises-a-jour/suivi", "", "mises-a-jour/import"
EVERYWHERE = (*PAGES, "nulle-part")
BEFORE_MIGRATION = tuple(Phase)[: tuple(Phase).index(Phase.MIGRATE)]


def alive(site: Site) -> None:
    """The worker gives signs of life."""
    site.engine.beat(now(), 1)


def under_way(site: Site, doing: Phase = Phase.MIGRATE) -> int:
    """An update that came so far."""
    alive(site)
    if doing is not Phase.BACKUP:
        site.config.maintenance.flag.touch()
    number = site.update()
    for phase in tuple(Phase)[: tuple(Phase).index(doing)]:
        site.phase(number, phase, PhaseStatus.DONE)
        site.event(number, "log", phase, level="info", message="Étape terminée : rien à signaler.")
    site.phase(number, doing, PhaseStatus.DOING)
    site.event(number, "progress", doing, percent=42, message="table des séjours : 420 000 lignes sur 1 000 000")
    site.event(number, "log", Phase.PREREQUISITES, level="warning", message="Mémoire vive : 12 Go ; 16 Go préconisés.")
    if doing is Phase.MIGRATE:
        lines = "\n".join(f"table séjour, lot {lot}" for lot in range(30))
        site.event(number, "log", doing, level="output", message=lines)
    return number


def backing_up(site: Site) -> None:
    """The platform is open, and slower."""
    under_way(site, Phase.BACKUP)


def migrating(site: Site) -> None:
    """Users see the page."""
    under_way(site)


def worker_down(site: Site) -> None:
    """Behind the page, and nobody goes on."""
    number = under_way(site)
    site.engine.beat(now() - timedelta(hours=1), 1)
    assert number


def validating(site: Site) -> None:
    """The new release waits behind the closed door."""
    number = under_way(site, Phase.VALIDATE)
    changes = ["fichiers : 12 créés ou modifiés", "base « registre » : 1204 lignes écrites"]
    facts = {"until": (now() + timedelta(minutes=48)).isoformat(), "changes": changes}
    site.engine.set_phase(number, Phase.VALIDATE, facts=facts)
    folder = site.config.maintenance.invitations
    folder.mkdir(exist_ok=True)
    (folder / ("5ca1ab1e" * 8)).touch()


def sent_back(site: Site) -> None:
    """It was looked at, and the old one is back."""
    validating(site)
    site.engine.set_failure(1, Phase.VALIDATE, "carla a choisi de revenir à l'ancienne version")
    site.engine.set_phase(1, Phase.VALIDATE, status=PhaseStatus.UNDONE)
    site.engine.finish(1, UpdateStatus.ROLLED_BACK, now())
    site.config.maintenance.flag.unlink()


def going_back(site: Site) -> None:
    """The migration failed, and the way back is under way."""
    number = under_way(site)
    site.engine.set_failure(number, Phase.MIGRATE, "le programme « 20-schema » a échoué (code 3)")
    site.phase(number, Phase.MIGRATE, PhaseStatus.UNDONE)
    site.phase(number, Phase.SWITCH, PhaseStatus.UNDOING)


def failed(site: Site, status: UpdateStatus) -> None:
    """The migration failed, its version is locked."""
    number = under_way(site)
    site.engine.set_failure(number, Phase.MIGRATE, "le programme « 20-schema » a échoué (code 3)")
    site.engine.set_phase(number, Phase.MIGRATE, status=PhaseStatus.FAILED)
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    site.engine.finish(number, status, now())
    site.event(number, "end", Phase.MIGRATE, status=status)


def rolled_back(site: Site) -> None:
    """The old release is back."""
    failed(site, UpdateStatus.ROLLED_BACK)
    site.config.maintenance.flag.unlink()


def intervention(site: Site) -> None:
    """The page stays."""
    failed(site, UpdateStatus.INTERVENTION)


def refused(site: Site) -> None:
    """A prerequisite was not met."""
    alive(site)
    number = site.update()
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    site.phase(number, Phase.PREREQUISITES, PhaseStatus.FAILED)
    site.engine.set_failure(number, Phase.PREREQUISITES, "disque libre : 12 %, 30 % requis")
    site.engine.finish(number, UpdateStatus.REFUSED, now())


def planned(site: Site) -> None:
    """An update waits for its hour."""
    alive(site)
    site.planned(now() + timedelta(days=2))


def prepared(site: Site) -> None:
    """An update is ready, and waits for its hour."""
    alive(site)
    site.prepared(now() + timedelta(hours=7))


def hour_missed(site: Site) -> None:
    """An update is ready, and somebody is to choose another hour."""
    alive(site)
    site.prepared(None)


def a_long_past(site: Site) -> None:
    """Many updates of every end, and many lines to trace."""
    alive(site)
    ends = [status for status in UpdateStatus if status.is_final]
    for turn in range(60):
        site.update(ends[turn % len(ends)], to=f"11.5.{turn}")
    for turn in range(120):
        site.operations.web.record_action(
            ("connexion", "paramètre modifié", "accès refusé")[turn % 3],
            actor=("admin", "dr.martin", "infirmier")[turn % 3],
            now=now() - timedelta(hours=turn),
            address="10.20.30.40",
            detail=("", "update.auto.disable : OUI, demande 12", "GET /superviseur/sauvegardes")[turn % 3],
            allowed=turn % 3 != 2,
        )


def drilled(site: Site) -> None:
    """A backup that was proven once, and could not be loaded the next time."""
    alive(site)
    publish(site, FAILED, CERTIFICATE)


def not_handed_out(site: Site) -> None:
    """The command to which backups are handed failed."""
    drilled(site)
    configured(site)
    tell(site, "la commande a échoué (code 1)", "Fatal: unable to open repository at /mnt/depot: no space left\n")


STATES: dict[Callable[[Site], object], tuple[str, ...]] = {
    alive: EVERYWHERE,
    backing_up: (DASHBOARD, SUIVI),
    migrating: (DASHBOARD, IMPORT, SUIVI),
    worker_down: (DASHBOARD, SUIVI),
    validating: (DASHBOARD, SUIVI, f"{SUIVI}/1/validation"),
    sent_back: (SUIVI, f"{SUIVI}/1/rapport"),
    going_back: (DASHBOARD, SUIVI),
    rolled_back: (DASHBOARD, SUIVI, f"{SUIVI}/1/rapport", "support"),
    intervention: (DASHBOARD, IMPORT, SUIVI, "support"),
    refused: (DASHBOARD, SUIVI),
    planned: (DASHBOARD, IMPORT, SUIVI),
    drilled: ("sauvegardes", PATH),
    not_handed_out: ("sauvegardes",),
    prepared: (DASHBOARD, IMPORT, SUIVI, f"{SUIVI}?heure=1"),
    hour_missed: (DASHBOARD, SUIVI),
    a_long_past: (DASHBOARD, "mises-a-jour/historique", "tracabilite"),
}
"""What is looked at in each state."""

DARK = (DASHBOARD, IMPORT, SUIVI, "aide", "sauvegardes")
"""What is looked at in the dark theme too."""
