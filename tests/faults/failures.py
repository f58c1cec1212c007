"""Everything else that fails: hooks, services, disks, databases, clocks, archives and backups."""

from collections.abc import Iterator

from ospi_supervisor.domain.lifecycle import Phase
from tests.faults.crashes import BEHIND_THE_PAGE, SHORT, made_to_go_back, undo
from tests.faults.scenario import FAILED, INTERVENTION, REFUSED, ROLLED_BACK, SUCCEEDED, WHOLE, Hit, Scenario
from tests.faults.vendor import NEW, OLD

DISKS = {"state": "40m", "platform": "24m", "backups": "32m", "data": "40m"}


def hooks() -> Iterator[Scenario]:
    """A release whose own programs misbehave."""
    fates = {
        "fail": ("script qui échoue", Phase.MIGRATE, ROLLED_BACK),
        "poison": ("script qui échoue dès la répétition", Phase.REHEARSE, REFUSED),
        "half": ("script qui finit par 0 à moitié fait", Phase.MIGRATE, ROLLED_BACK),
        "hang": ("script qui dépasse sa limite", Phase.MIGRATE, ROLLED_BACK),
        "stubborn": ("script sourd à SIGTERM", Phase.MIGRATE, ROLLED_BACK),
        "children": ("script qui laisse des processus", Phase.MIGRATE, SUCCEEDED),
        "chatty": ("script qui remplit le log", Phase.MIGRATE, SUCCEEDED),
        "trespass": ("script qui écrit dans les versions", Phase.MIGRATE, SUCCEEDED),
        "stage-fail": ("script qui échoue", Phase.STAGE, FAILED),
        "stage-hang": ("script qui dépasse sa limite", Phase.STAGE, FAILED),
    }
    for hooks, (fault, phase, allowed) in fates.items():
        yield Scenario(
            name=f"hook/{hooks}", fault=fault, phase=phase, hooks=hooks, allowed=allowed, health_timeout=SHORT
        )


SERVICES = [
    ("new-refuses-start", "service qui ne démarre pas", Phase.START, NEW, "start", "refuse", ROLLED_BACK),
    ("new-dies", "service qui meurt dès son démarrage", Phase.HEALTH, NEW, "start", "die", ROLLED_BACK),
    ("new-never-well", "santé jamais bonne", Phase.HEALTH, NEW, "health", "never", ROLLED_BACK),
    ("new-late", "santé tardive", Phase.HEALTH, NEW, "health", "late", SUCCEEDED),
    ("new-old-version", "santé d'une autre version", Phase.HEALTH, NEW, "health", f"version:{OLD}", ROLLED_BACK),
    (
        "old-refuses-start",
        "service qui ne démarre pas, au retour",
        Phase.STOP,
        OLD,
        "start",
        "refuse",
        INTERVENTION,
    ),
    ("old-dies", "service qui meurt dès son démarrage, au retour", Phase.STOP, OLD, "start", "die", INTERVENTION),
    ("old-never-well", "santé jamais bonne, au retour", Phase.STOP, OLD, "health", "never", INTERVENTION),
    ("old-late", "santé tardive, au retour", Phase.STOP, OLD, "health", "late", ROLLED_BACK),
    (
        "old-new-version",
        "santé d'une autre version, au retour",
        Phase.STOP,
        OLD,
        "health",
        f"version:{NEW}",
        INTERVENTION,
    ),
]


def services() -> Iterator[Scenario]:
    """A service that does not do what its commands say, or a health that tells something else."""
    for name, fault, phase, version, what, how, allowed in SERVICES:
        yield Scenario(
            name=f"service/{name}",
            fault=fault,
            phase=phase,
            moods=((version, what, how),),
            hooks="fail" if version == OLD else "good",
            health_timeout=SHORT,
            allowed=allowed,
        )
    yield Scenario(
        name="service/ignores-stop",
        fault="service qui ne s'arrête pas",
        phase=Phase.STOP,
        hits=(Hit("deaf_service", "before", "do", Phase.MAINTENANCE),),
        allowed=ROLLED_BACK,
    )


def full_disks() -> Iterator[Scenario]:
    """Each disk, filled to its last byte before each phase."""
    words = {"state": "de l'état", "platform": "des versions", "backups": "des sauvegardes", "data": "des données"}
    for name, size in DISKS.items():
        for way, phases in (("do", tuple(Phase)), ("undo", BEHIND_THE_PAGE)):
            for phase in phases:
                hits = (Hit(f"fill_{name}", "before", way, phase),)
                scenario = Scenario(
                    name=f"full/{name}-{way}-{phase}",
                    fault=f"disque {words[name]} plein" + (", au retour" if way == "undo" else ""),
                    phase=phase,
                    hits=hits,
                    disks=((name, size),),
                    health_timeout=SHORT,
                    allowed=WHOLE | INTERVENTION,
                )
                yield made_to_go_back(scenario, phase) if way == "undo" else scenario


def read_only() -> Iterator[Scenario]:
    """Disks that turn read-only."""
    cases = [
        ("platform", "des versions", (Phase.STAGE, Phase.SWITCH), WHOLE),
        ("backups", "des sauvegardes", (Phase.BACKUP, Phase.CHECKPOINT, Phase.MIGRATE), WHOLE),
        ("data", "des données", (Phase.CHECKPOINT, Phase.SWITCH, Phase.MIGRATE), WHOLE | INTERVENTION),
    ]
    for name, words, phases, allowed in cases:
        for phase in phases:
            yield Scenario(
                name=f"read-only/{name}-{phase}",
                fault=f"disque {words} en lecture seule",
                phase=phase,
                hits=(Hit(f"freeze_{name}", "before", "do", phase),),
                disks=((name, DISKS[name]),),
                health_timeout=SHORT,
                allowed=allowed,
            )


def unreadable() -> Iterator[Scenario]:
    """A file of the data that nobody can read: not even root."""
    for phase, allowed in ((Phase.BACKUP, FAILED), (Phase.CHECKPOINT, ROLLED_BACK)):
        yield Scenario(
            name=f"unreadable/{phase}",
            fault="fichier de données illisible",
            phase=phase,
            hits=(Hit("spoil_file", "before", "do", phase),),
            allowed=allowed,
        )


def postgres() -> Iterator[Scenario]:
    """PostgreSQL stopped, or started anew, in the middle."""
    for action, fault in (("stop_postgres", "PostgreSQL arrêté"), ("bounce_postgres", "PostgreSQL redémarré")):
        for phase in (Phase.BACKUP, Phase.CHECKPOINT, Phase.MIGRATE, Phase.START):
            yield Scenario(
                name=f"{action}/do-{phase}",
                fault=fault,
                phase=phase,
                hits=(Hit(action, "before", "do", phase),),
                own_postgres=True,
                health_timeout=SHORT,
                allowed=WHOLE | (INTERVENTION if action == "stop_postgres" else frozenset()),
            )
        hits = (Hit(action, "before", "undo", Phase.MIGRATE),)
        yield Scenario(
            name=f"{action}/undo-migrate",
            fault=f"{fault}, au retour",
            phase=Phase.MIGRATE,
            hits=hits,
            hooks="fail",
            own_postgres=True,
            allowed=INTERVENTION if action == "stop_postgres" else ROLLED_BACK,
        )


def clocks() -> Iterator[Scenario]:
    """The clock set by a day."""
    for action, fault in (("clock_back", "horloge reculée d'un jour"), ("clock_forward", "horloge avancée d'un jour")):
        for phase in Phase:
            hits = (Hit(action, "before", "do", phase),)
            yield Scenario(name=f"{action}/do-{phase}", fault=fault, phase=phase, hits=hits, allowed=SUCCEEDED)
        for phase in BEHIND_THE_PAGE:
            yield undo(action, fault, phase, (Hit(action, "before", "undo", phase),))


def archives() -> Iterator[Scenario]:
    """The archive lost or altered between its upload and its installation."""
    for action, fault in (("lose_archive", "archive disparue"), ("alter_archive", "archive modifiée")):
        for phase in (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.BACKUP):
            needed = phase is not Phase.BACKUP
            allowed = (REFUSED | FAILED) if needed else SUCCEEDED
            hits = (Hit(action, "before", "do", phase),)
            yield Scenario(name=f"{action}/{phase}", fault=fault, phase=phase, hits=hits, allowed=allowed)


def dropped() -> Iterator[Scenario]:
    """Files that come after the backup, a backup that is damaged, and starts at once."""
    fault = "fichier déposé après la sauvegarde"
    for hooks, allowed in (("good", SUCCEEDED), ("fail", ROLLED_BACK)):
        for phase in (Phase.CHECKPOINT, Phase.SWITCH, Phase.MIGRATE):
            yield Scenario(
                name=f"dropped/{hooks}-{phase}",
                fault=fault,
                phase=phase,
                hits=(Hit("drop_file", "after", "do", phase),)
                if hooks == "good" or phase != Phase.MIGRATE
                else (Hit("drop_file", "before", "undo", phase),),
                hooks=hooks,
                allowed=allowed,
            )
    yield Scenario(
        name="damaged/undo-migrate",
        fault="restauration impossible (sauvegarde abîmée)",
        phase=Phase.MIGRATE,
        hits=(Hit("damage_backup", "before", "undo", Phase.MIGRATE),),
        hooks="fail",
        allowed=INTERVENTION,
    )
    yield Scenario(
        name="starts/three-at-once",
        fault="départs simultanés",
        phase=Phase.VERIFY,
        hits=(Hit("start_again", delay=0.0), Hit("start_again", "before", "do", Phase.STAGE)),
        allowed=SUCCEEDED,
    )
