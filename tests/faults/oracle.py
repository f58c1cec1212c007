"""What must hold once a hurt update has ended, whatever hurt it. Each function yields what is wrong, in words."""

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ospi_supervisor.backup import inventory, quarantines
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.errors import BackupError, BusyError
from ospi_supervisor.platform.invitations import secret_in
from ospi_supervisor.system.lock import update_lock
from tests.faults.application import entry_text
from tests.faults.disks import named
from tests.faults.platform import BASE_FILES
from tests.faults.vendor import NEW, NEXT, OLD
from tests.faults.world import World

QUARANTINE = ".ospi-quarantaine-"
ENGINE_FILES = {"engine.db", "engine.db-wal", "engine.db-shm", "update.lock", "worker.lock", "double.lock", "reserve"}
ENGINE_FOLDERS = {"releases", "trust", "logs", "notices"}
TEMPORARY = re.compile(r"^\.|\.(part|new|staging|removed|ospi-restauration|pgdump\.tmp)$")
DROPPED = "déposé pendant la mise à jour"
SHOWN = 3


def judge(world: World, update: dict[str, Any], *, torn_log: bool, before: str = OLD) -> list[str]:
    """All that is wrong after `update`, which began on release `before`; nothing where the promise was kept.

    `torn_log`: a power cut may have torn the platform's own log file, which it never syncs.
    """
    status = UpdateStatus(update["status"])
    if status is UpdateStatus.INTERVENTION:
        return [*_intervention(world), *_journal(world, update), *_processes(world)]
    version = update["to"] if status is UpdateStatus.SUCCEEDED else before
    return [
        *_releases(world, version, before, _left_over(update)),
        *_entries(world, version),
        *_base(world, _forms(before, version)),
        *_log(world, torn=torn_log),
        *_dropped(world),
        *_databases(world),
        *_platform(world, version),
        *_leftovers(world),
        *_temporaries(world),
        *_processes(world),
        *_journal(world, update),
        *_validation(world, update),
    ]


def _forms(before: str, version: str) -> list[str]:
    """The migrations that the data went through, from the beginning on."""
    return [form for form in (NEW, NEXT) if form in (before, version)]


def _intervention(world: World) -> Iterator[str]:
    seen = world.see()
    if seen != "maintenance":
        yield f"intervention, and users see {seen}"


# --- releases ---------------------------------------------------------------------------------------------------


def _left_over(update: dict[str, Any]) -> set[str]:
    """The release that could not be deleted on the way back, which the journal says: the next update deletes it."""
    failed = any(row["name"] == "stage" and row["status"] == "failed" for row in update["phases"])
    return {update["to"]} if failed else set()


def _releases(world: World, version: str, before: str, left_over: set[str]) -> Iterator[str]:
    root = world.root / "platform"
    names = {path.name for path in root.iterdir()}
    if names != {"releases", "current"}:
        yield f"stray in the platform's folder: {sorted(names)}"
    current = (root / "current").resolve().name
    if current != version:
        yield f"current is {current}, not {version}"
    there = {path.name for path in (root / "releases").iterdir()}
    wanted = {version, before} | _restorable(world)
    if there - left_over != wanted:
        yield f"releases are {sorted(there)}, not {sorted(wanted)}"
    for name in there & wanted:
        made = tree_of(world.site.vendor.tree(name))
        present = {path: facts for path, facts in tree_of(root / "releases" / name).items() if not _is_added(path)}
        if differing := [path for path in made.keys() | present.keys() if made.get(path) != present.get(path)]:
            yield f"release {name} differs in {len(differing)} places: {sorted(differing)[:SHOWN]}"


def _restorable(world: World) -> set[str]:
    """The releases that the backups which are left belong to."""
    found = set()
    for folder in filter(Path.is_dir, (world.root / "backups").iterdir()):
        with contextlib.suppress(BackupError):
            found.add(inventory.load(folder).release)
    return found


def _is_added(path: str) -> bool:
    """The hooks, which archives add to their tree, and the folder that the stage hook writes in."""
    return path.split("/")[0] in ("hooks", "cache")


def tree_of(root: Path) -> dict[str, str]:
    """Every path below `root` with its contents."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = str(path.relative_to(root))
            if path.is_symlink():
                found[relative] = f"link {path.readlink()}"
            elif path.is_dir():
                found[relative] = "folder"
            else:
                found[relative] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


# --- data -------------------------------------------------------------------------------------------------------


def _entries(world: World, form: str) -> Iterator[str]:
    acknowledged = set(world.acknowledged)  # first: more are added while this reads
    with contextlib.closing(sqlite3.connect(world.root / "data/portail.sqlite", timeout=20)) as connection:
        rows = dict(connection.execute("SELECT n, form FROM entry").fetchall())
    answer = world.site.postgres.sql(world.database, "SELECT n || ' ' || form FROM entry")
    registre = {int(number): text for number, text in (line.split() for line in answer.splitlines())}
    folder = world.root / "data/files"
    files = {int(path.name): path.read_text() for path in folder.iterdir()}
    for place, present in (("SQLite", rows), ("PostgreSQL", registre), ("files", files)):
        if lost := acknowledged - present.keys():
            yield f"{len(lost)} acknowledged entries lost from {place}: {sorted(lost)[:SHOWN]}"
        if invented := present.keys() - set(range(world.attempted)):
            yield f"{place} has entries that nobody sent: {sorted(invented)[:SHOWN]}"
    for place, present in (("SQLite", rows), ("PostgreSQL", registre)):
        if other := {number: text for number, text in present.items() if text != form}:
            yield f"{len(other)} entries of {place} are not of {form}: {list(other.items())[:SHOWN]}"
    for number, text in files.items():
        if number in acknowledged and text != entry_text(number, form):
            yield f"the file of entry {number} holds {text!r}"
            return


def base_after(forms: list[str]) -> dict[str, str]:
    """The base tree's files after the migrations to `forms`; `hook.change_base` says the same."""
    files = {}
    for number in range(BASE_FILES):
        form = forms[-1] if forms and number % 3 == 0 else OLD
        if not forms or number % 10 != 1:
            files[f"dossier-{number % 20}/{number}"] = f"[{form}] base {number}\n"
    files |= {f"nouveau-{form}": form for form in forms}
    files[f"étrange/{os.fsdecode(bytes([*b'octets ', 255, 10]))}"] = "\0\udcff"
    files["étrange/double"] = f"[{OLD}] base 2\n"
    return files


def _base(world: World, forms: list[str]) -> Iterator[str]:
    root = world.root / "data/base"
    wanted = base_after(forms)
    present = {
        str(path.relative_to(root)): os.fsdecode(path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith("déposé")
    }
    if differing := [path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path)]:
        yield f"{len(differing)} base files are not as they should be after {forms}: {sorted(differing)[:SHOWN]!r}"
    if not (root / "étrange/vide").is_dir() or (root / "étrange/lien").readlink() != Path("../dossier-1/1"):
        yield "the empty folder or the link of the base tree is gone"


def _log(world: World, *, torn: bool) -> Iterator[str]:
    path = world.root / "data/access.log"
    if not path.exists():
        yield "the platform's log is gone"
    elif not torn and (
        bad := [line for line in path.read_text(errors="replace").splitlines() if not line.startswith("accès ")]
    ):
        yield f"the platform's log was torn: {bad[:SHOWN]}"


def _databases(world: World) -> Iterator[str]:
    state = world.config.paths
    for path in (world.root / "data/portail.sqlite", state.engine_db, state.web_db):
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection:
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if answer != "ok":
            yield f"{path.name}: {answer}"
    names = world.site.postgres.sql("postgres", "SELECT datname FROM pg_database").split()
    if stray := [name for name in names if name.startswith(f"{world.database}_")]:
        yield f"stray databases: {stray}"


# --- what runs, what lies about, what is told -------------------------------------------------------------------


def _platform(world: World, version: str) -> Iterator[str]:
    if (seen := world.see()) != version:
        yield f"users see {seen}, not {version}"
    if world.service("status") != 0:
        yield "the service does not run"


def _dropped(world: World) -> Iterator[str]:
    """A file that somebody put into the data meanwhile is never deleted: it stays, or lies in a quarantine."""
    if (world.notes / "dropped").exists() and not any(named(world.root, DROPPED)):
        yield "the file dropped into the data is lost"


def _leftovers(world: World) -> Iterator[str]:
    paths = world.config.paths
    for path in (paths.hold, world.config.maintenance.flag, world.config.maintenance.page_dir / "status.json"):
        if path.exists():
            yield f"{path.name} is still there"
    for path in paths.engine_dir.iterdir():
        if path.name not in (ENGINE_FOLDERS if path.is_dir() else ENGINE_FILES):
            yield f"stray in the engine's folder: {path.name}"
    for snapshot in world.config.backup.directory.iterdir():
        if snapshot.name != quarantines.NAME and not (snapshot / "snapshot.json").exists():
            yield f"partial snapshot {snapshot.name}"
    with world.operations() as operations:
        known = {row.id for row in operations.web.uploads()}
    if paths.uploads_dir.is_dir() and (stray := {path.name for path in paths.uploads_dir.iterdir()} - known):
        yield f"stray uploads: {stray}"
    try:
        with update_lock(paths.update_lock):
            pass
    except BusyError:
        yield "the update lock is still held"


def _temporaries(world: World) -> Iterator[str]:
    for folder, folders, files in os.walk(world.root):
        if QUARANTINE in folder:
            continue
        for name in (*folders, *files):
            if TEMPORARY.search(name) and not name.startswith(QUARANTINE):
                yield f"temporary {Path(folder, name).relative_to(world.root)}"


def _processes(world: World) -> Iterator[str]:
    for process in world.strangers():
        with contextlib.suppress(Exception):
            yield f"stray process: {' '.join(process.cmdline())[:200]}"


def _journal(world: World, update: dict[str, Any]) -> Iterator[str]:
    with world.reader() as reader:
        events = reader.events(update["id"], 0, 100_000)
        active, locks = reader.active_update(), reader.locks()
    *earlier, end = [event.data["status"] for event in events if event.kind == "end"]
    if end != update["status"] or any(status != UpdateStatus.INTERVENTION for status in earlier):
        yield f"the journal ends with {[*earlier, end]}, not with {update['status']}"
    if active is not None:
        yield f"update {active} is still active"
    status = UpdateStatus(update["status"])
    sent_back = status is UpdateStatus.ROLLED_BACK and update["failed_phase"] == "validate"
    if status is not UpdateStatus.SUCCEEDED:
        levels = [event.data.get("level") for event in events if event.kind == "log"]
        if "error" not in levels and not sent_back:
            yield "the journal does not say what failed"
        if not update["failure"] or not update["failed_phase"]:
            yield "the update does not say where and why it failed"
    if unfinished := [row for row in update["phases"] if row["status"] in ("doing", "undoing")]:
        yield f"phases left at work: {unfinished}"
    locked = [lock["version"] for lock in locks if lock["update_id"] == update["id"]]
    hook_failed = update["failed_phase"] == "stage" and (update["failure"] or "").startswith("le programme")
    must_lock = status.value in ("rolled_back", "intervention") or hook_failed
    at_ease = sent_back and not earlier  # a way back that failed locks, and stays locked once it was taken up again
    if (locked == [update["to"]]) != (must_lock and not at_ease):
        yield f"{status.value} leaves the locks {locked}"


def _validation(world: World, update: dict[str, Any]) -> Iterator[str]:
    """What was decided is kept, whatever came after; and no link leads past the page any more."""
    verdict = (update["validation"] or {}).get("verdict")
    status = UpdateStatus(update["status"])
    kept = {None: status, "open": UpdateStatus.SUCCEEDED, "go_back": UpdateStatus.ROLLED_BACK}[verdict]
    if status is not kept:
        yield f"« {verdict} » was decided, and the update ended {status.value}"
    if secret_in(world.config.maintenance.invitations) is not None:
        yield "a link is left"
