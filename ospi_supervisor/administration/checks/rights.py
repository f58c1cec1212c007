"""Who owns what, and who else may touch it: the table of the deployment's guide, held against this server.

The web account is the one that owns its folder; where everything is one account's (a demonstration), nothing is shared.
"""

import grp
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ospi_supervisor
from ospi_supervisor.administration.checks.base import Findings
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.hands.accounts import Account, account_named, owner_of
from ospi_supervisor.hands.descent import others_can_change
from ospi_supervisor.hands.sandbox import system_program

FIND_SECONDS = 600
READ, LOOK = 0o4, 0o5


@dataclass(frozen=True)
class _Accounts:
    """Root's, or whoever runs the worker; and the web process'."""

    worker: Account
    web: Account

    @property
    def are_two(self) -> bool:
        return self.worker.user != self.web.user

    @property
    def groups(self) -> set[int]:
        """Those that let nobody else in."""
        return {0, *self.worker.groups, *self.web.groups}


@dataclass(frozen=True)
class _Place:
    """A name of the table: its owner, the most that its mode may allow, and what the web account or the reverse proxy
    (anybody) needs of it."""

    path: Path
    owner: Account
    most: int
    web: int = 0
    anybody: int = 0


def owners(config: Config, adapters: Adapters) -> Findings:
    """Root acts by their names in these folders, and runs this program: whoever could replace what they hold would lead
    it elsewhere."""
    page, root, paths = config.maintenance, config.platform.root, config.paths
    state = (config.supervisor.state_dir, paths.engine_dir, paths.logs_dir, paths.records_dir, paths.trust_dir)
    program = (Path(sys.executable), Path(ospi_supervisor.__file__))
    named = [config.file, config.trust.root, config.trust.support_key]
    folders = (root, root / "releases", page.page_dir, page.flag.parent, config.backup.directory, *state, *program)
    found = False
    for path in (*folders, *(file for file in named if file is not None)):
        if (place := others_can_change(path)) is not None:
            found = True
            yield (
                Grade.ERROR,
                f"{place} peut être changé par un autre compte, et le service de mise à jour s'y fie ({path}) :"
                " donnez-le à root et fermez-le aux autres (chown root, chmod go-w)",
            )
    if not found:
        yield Grade.OK, "dossiers et fichiers auxquels le service de mise à jour se fie, fermés aux autres comptes"


def table(config: Config, adapters: Adapters) -> Findings:
    """Every line of the guide's table (docs/deploiement.md, section 3)."""
    accounts = _accounts(config)
    found = False
    for place in _places(config, accounts):
        if os.path.lexists(place.path):
            for trouble in _troubles(place, accounts):
                found = True
                yield Grade.ERROR, trouble
    if not found:
        yield Grade.OK, "droits et propriétaires des dossiers et fichiers du Superviseur, comme le guide les donne"


def readable(config: Config, adapters: Adapters) -> Findings:
    """Whether the platform's account can read its release, and read and write its data."""
    if config.platform.account is None or os.geteuid() != 0:
        return
    name, account = config.platform.account, account_named(config.platform.account)
    release = adapters.releases.path(adapters.releases.current())
    looks = [(release, ["!", "-readable"], "lire")]
    for folder in config.platform.data_dirs:
        looks.append((folder, ["-maxdepth", "0", "(", "!", "-writable", "-o", "!", "-executable", ")"], "écrire dans"))
        looks.append((folder, ["!", "-readable"], "lire"))
    found = False
    for place, test, can in looks:
        if (path := _first(account, place, test)) is not None:
            found = True
            yield (
                Grade.ERROR,
                f"le compte {name} ne peut pas {can} {path}, et les services de la plateforme en ont besoin :"
                " rendez-le-lui (chown, ou chmod u+rwX pour les données ; chmod -R go+rX pour une version)",
            )
    if not found:
        yield Grade.OK, f"version et données lues par le compte {name}"


def _first(account: Account, place: Path, test: list[str]) -> str | None:
    """The first name below `place` for which that is so, seen by that account; `place` where it cannot be looked at."""
    command = [system_program("find"), str(place), *test, "-print", "-quit"]
    own, *others = account.groups
    done = subprocess.run(
        command,
        user=account.user,
        group=own,
        extra_groups=others,
        cwd="/",
        env={},
        capture_output=True,
        timeout=FIND_SECONDS,
        check=False,
    )
    said = os.fsdecode(done.stdout).strip()
    return said or (str(place) if done.returncode else None)


def _accounts(config: Config) -> _Accounts:
    paths = config.paths
    us = owner_of(paths.engine_dir) if os.geteuid() != 0 and paths.engine_dir.is_dir() else _account(os.geteuid())
    owners = [owner_of(folder) for folder in (paths.web_dir, paths.queue_dir) if folder.is_dir()]
    others = [account for account in owners if account.user != us.user]
    return _Accounts(us, others[0] if others else us)


def _account(user: int) -> Account:
    try:
        return account_named(pwd.getpwuid(user).pw_name)
    except KeyError:
        return Account(user, (os.getegid(),))


def _places(config: Config, accounts: _Accounts) -> Iterator[_Place]:
    paths, page, (ours, web) = config.paths, config.maintenance, (accounts.worker, accounts.web)
    own_only = 0o700 if accounts.are_two else 0o770
    yield _Place(config.supervisor.state_dir, ours, 0o755, web=0o1)
    yield _Place(paths.engine_dir, ours, 0o2751, web=LOOK)
    yield _Place(paths.engine_db, ours, 0o640, web=READ)
    for folder, database in ((paths.web_dir, paths.web_db), (paths.queue_dir, paths.queue_db)):
        yield _Place(folder, web, own_only)
        yield _Place(database, web, 0o660)
    yield _Place(paths.secret_key, web, 0o600)
    for folder in dict.fromkeys((page.flag.parent, page.page_dir)):
        yield _Place(folder, ours, 0o755, anybody=LOOK)
    yield _Place(config.backup.directory, ours, 0o750)
    yield _Place(config.platform.root / "releases", ours, 0o755)
    for file, most in ((config.file, 0o640), (config.trust.root, 0o644), (config.trust.support_key, 0o644)):
        if file is not None:
            yield _Place(file, ours, most if accounts.are_two else 0o644, web=READ)


def _troubles(place: _Place, accounts: _Accounts) -> Iterator[str]:
    facts = place.path.lstat()
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid != place.owner.user:
        owner = _name(place.owner.user)
        yield f"{place.path} appartient à {_name(facts.st_uid)} au lieu de {owner} ; chown {owner} {place.path}"
    most = place.most if facts.st_gid in accounts.groups else place.most & ~0o070
    if open_to_others := mode & 0o777 & ~most:
        yield (
            f"{place.path} est plus ouvert qu'il ne doit ({mode:o}, de trop : {open_to_others:03o}) ;"
            f" chmod {place.most:o} {place.path}"
        )
    if accounts.are_two and _allowed(facts, accounts.web) & place.web != place.web:
        group = grp.getgrgid(accounts.web.groups[0]).gr_name
        yield (
            f"le compte web ({_name(accounts.web.user)}) ne peut pas lire {place.path} ;"
            f" chgrp {group} {place.path} ; chmod {place.most:o} {place.path}"
        )
    if mode & place.anybody != place.anybody and not (facts.st_gid != 0 and mode >> 3 & LOOK == LOOK):
        yield f"le serveur mandataire ne peut pas lire {place.path} ; chmod {place.most:o} {place.path}"


def _allowed(facts: os.stat_result, account: Account) -> int:
    """What the mode allows that account: read 4, write 2, enter 1."""
    if facts.st_uid == account.user:
        return facts.st_mode >> 6 & 0o7
    return (facts.st_mode >> 3 if facts.st_gid in account.groups else facts.st_mode) & 0o7


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"n° {user}"
