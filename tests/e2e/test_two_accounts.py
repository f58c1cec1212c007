"""The web process under an account of its own, as the deployment's guide puts it on a server, and what it can touch."""

import json
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from demo.layout import REPOSITORY
from demo.prepare import vendor
from demo.samples import GOOD, INSTALLED
from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from tests.support.demo import FINAL, Client, begin_update, wait_for
from tests.support.deployment import Accounts, Deployment
from tests.support.installation import install
from tests.support.memory_disk import lasting
from tests.support.system import listens, require_program, require_root
from tests.support.trace import end_tracers, opened_by_root, strace

pytestmark = pytest.mark.system

ACCOUNTS = Accounts(web="nobody", web_group="nogroup", platform="daemon")
"""Accounts that every Debian has, and whose members own nothing: a test adds none to the machine."""
WORKER_TRACE = "worker.trace"
TOKEN = "jeton-de-mesure"
GUIDE = REPOSITORY / "docs" / "deploiement.md"


def as_account(account: str, *command: str | Path) -> bool:
    """Whether that account succeeds in running a command."""
    group = pwd.getpwnam(account).pw_gid
    done = subprocess.run(command, user=account, group=group, extra_groups=[], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    """A server on release 11.5.0, prepared by the commands of the guide; not in a folder that a reboot empties."""
    require_root("processes run under several accounts")
    with TemporaryDirectory(dir=lasting()) as folder:
        Path(folder).chmod(0o755)
        require_program("strace")
        program, traced = install(Path(folder) / "programme"), strace(Path(folder) / WORKER_TRACE)
        site = Deployment(Path(folder), "nginx", ACCOUNTS, program, before_worker=traced)
        follow_the_guide(site)
        site.variables["TZ"] = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"  # noon, or so: no night comes in between
        try:
            site.start()
            wait_for("the worker's database", StatePaths(site.layout.state).engine_db.exists)
            yield site
        finally:
            site.stop()
            end_tracers(Path(folder))


def follow_the_guide(site: Deployment) -> None:
    """Section 3 of the guide, run as it is written but for its paths and its account; then the first commands."""
    layout = site.layout
    for folder in (layout.state, layout.maintenance, layout.backups):
        shutil.rmtree(folder)
    section = GUIDE.read_text(encoding="utf-8").partition("\n## 3.")[2]
    commands = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert commands is not None
    script = re.sub(r"^useradd .*\n", "", commands[1], flags=re.MULTILINE)
    for written, ours in (
        ("/var/lib/ospi-supervisor-maintenance", str(layout.maintenance)),
        ("/var/lib/ospi-supervisor", str(layout.state)),
        ("/var/backups/ospi-supervisor", str(layout.backups)),
        ("/etc/ospi-supervisor", str(layout.root / "etc")),
        ("-o ospi-web", f"-o {ACCOUNTS.web}"),
        ("-g ospi-web", f"-g {ACCOUNTS.web_group}"),
    ):
        assert written in script
        script = script.replace(written, ours)
    subprocess.run(["sh", "-eu", "-c", script], check=True)
    shutil.chown(layout.config, "root", ACCOUNTS.web_group)
    layout.config.chmod(0o640)
    for folder in (layout.data, layout.run):
        folder.mkdir(exist_ok=True)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, ACCOUNTS.platform)
    add_metrics(site)
    admin = site.document["admin"]
    run(site, "adopt", INSTALLED)
    run(site, "user", "add", admin["username"], "--group", ADMINISTRATION_SYSTEM, stdin=admin["password"])


def add_metrics(site: Deployment) -> None:
    """The one secret that the web process reads."""
    token = site.layout.root / "etc" / "metrics-token"
    token.write_text(TOKEN)
    token.chmod(0o640)
    shutil.chown(token, "root", ACCOUNTS.web_group)
    text = site.layout.config.read_text(encoding="utf-8")
    site.layout.config.write_text(text.replace("[platform]\n", f'metrics_token_file = "{token}"\n[platform]\n', 1))


def run(site: Deployment, *arguments: str, stdin: str = "") -> str:
    """A command of the supervisor that must succeed; what it printed."""
    done = site.cli(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def owners(folder: Path) -> dict[str, tuple[str, int]]:
    """Account and mode of everything in `folder`."""
    paths = {path: path.lstat() for path in folder.rglob("*")}
    return {
        path.relative_to(folder).as_posix(): (pwd.getpwuid(facts.st_uid).pw_name, facts.st_mode)
        for path, facts in paths.items()
    }


def check_rights(site: Deployment) -> None:
    """What each account can touch."""
    layout, paths, config = site.layout, StatePaths(site.layout.state), load_config(site.layout.config)
    decided_by_the_worker = [
        paths.root,
        *(path for path in (paths.engine_dir, *paths.engine_dir.rglob("*"))),
        *(path for path in (layout.platform, *layout.platform.rglob("*")) if not path.is_symlink()),
        *(path for path in (layout.data, *layout.data.rglob("*"))),
        layout.maintenance,
        config.maintenance.page_dir,
        layout.backups,
        layout.config,
        config.trust.root,
    ]
    for path in decided_by_the_worker:
        assert not as_account(ACCOUNTS.web, "test", "-w", path), path
    closed_to_the_platform = [
        *(paths.engine_dir, paths.logs_dir, *paths.logs_dir.glob("*"), paths.records_dir, paths.trust_dir),
        *(layout.platform, layout.platform / "releases", *(layout.platform / "releases").iterdir()),
        *(path for path in (layout.platform / "releases").glob("*/hooks/**")),
        *(layout.maintenance, config.maintenance.page_dir, *config.maintenance.page_dir.glob("*"), layout.backups),
    ]
    for path in closed_to_the_platform:
        assert not as_account(ACCOUNTS.platform, "test", "-w", path), path
    for path in (paths.engine_db, layout.config):
        assert as_account(ACCOUNTS.web, "test", "-r", path), path
        assert not as_account(ACCOUNTS.platform, "test", "-r", path), path
    assert as_account(ACCOUNTS.platform, "test", "-x", paths.engine_dir)  # the services may look for the hold there
    assert not as_account(ACCOUNTS.platform, "ls", paths.engine_dir)
    assert not as_account(ACCOUNTS.web, "ls", layout.backups)
    assert not as_account(ACCOUNTS.platform, "cat", layout.root / "etc" / "metrics-token")
    for folder in (paths.web_dir, paths.queue_dir):
        assert not as_account(ACCOUNTS.platform, "ls", folder)
        assert {account for account, _ in owners(folder).values()} == {ACCOUNTS.web}


def test_updates_pass_by_the_shell_and_by_the_web(site: Deployment) -> None:
    """One that is undone, then one that succeeds: each account keeps what is its own."""
    check_rights(site)
    run(site, "check")
    data, rights, release = site.data(), owners(site.layout.data), owners(site.layout.platform / "releases" / INSTALLED)
    failed = site.cli("import", str(site.archive("failing_migration")), "--notice-read", "--wait")
    assert "séjour 1042" in failed.stdout + failed.stderr
    client = Client(site)
    assert client.get("api/updates")[0]["status"] == "rolled_back"
    assert site.data() == data
    assert owners(site.layout.data) == rights
    assert owners(site.layout.platform / "releases" / INSTALLED) == release
    check_rights(site)

    update_id = begin_update(client, site.archive("good"))
    assert client.wait_until_final(update_id)["status"] == "succeeded"
    assert site.portal_version() == "11.6.0"
    assert {account for account, _ in owners(site.layout.data).values()} == {ACCOUNTS.platform}
    run(site, "verify-release")
    check_rights(site)


def test_the_web_process_shows_what_is_recorded_while_the_worker_is_down(site: Deployment) -> None:
    """Stopped in order or killed: what it leaves of its database can be read by another account."""
    client = Client(site)
    recorded = client.get("api/updates")
    log = StatePaths(site.layout.state).engine_db.with_name("engine.db-wal")
    for number in (signal.SIGTERM, signal.SIGKILL):
        site.end("worker", number)
        assert client.get("api/updates") == recorded
        site.spawn("worker")
        wait_for("the worker at its database", log.exists)


def test_the_web_process_reads_the_token_of_its_metrics(site: Deployment) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert "ospi_worker_up" in requests.get(f"{site.url}/superviseur/metrics", headers=headers, timeout=10).text


def others_places(site: Deployment) -> list[Path]:
    """The folders in which accounts other than root can put anything."""
    paths = StatePaths(site.layout.state)
    return [site.layout.data, site.layout.run, paths.web_dir, paths.queue_dir]


def trespasses(trace: Path, places: list[Path]) -> list[str]:
    """What root opened below these places by itself."""
    opened = opened_by_root(trace)
    assert opened, "nothing was traced"
    return [f"{one.path}: {one.call}" for one in opened if any(place in Path(one.path).parents for place in places)]


def test_no_process_of_roots_opens_what_another_account_can_write(site: Deployment) -> None:
    """The updates and the rollback above, then what root's shell does, a restore and the night's look among it."""
    places = others_places(site)
    for number, command in enumerate(
        (
            ["check"],
            ["backup", "create"],
            ["backup", "restore", first_backup(site), "--yes"],
            ["user", "list"],
            ["diagnostics", str(site.layout.root / "diagnostic.zip")],
            ["import", str(site.archive("decompressed")), "--notice-read"],
            ["auto", "check"],
        )
    ):
        trace = site.layout.root / f"shell-{number}.trace"
        program = [*strace(trace), *site.program, "--config", str(site.layout.config), *command]
        # Not by pipes: services that a command starts are followed, and strace holds what it was given.
        quiet = subprocess.DEVNULL
        with subprocess.Popen(program, stdin=quiet, stdout=quiet, stderr=quiet) as process:
            process.wait(300)
        wait_for("the trace's end", partial(has_ended, trace, process.pid))
        assert trespasses(trace, places) == [], command
    assert trespasses(site.layout.root / WORKER_TRACE, places) == []


def has_ended(trace: Path, pid: int) -> bool:
    """Whether strace has written of the end of that process, and so all of it."""
    written = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.startswith(f"{pid} ") and "+++" in line for line in written)


def first_backup(site: Deployment) -> str:
    """The name of a complete one."""
    return str(json.loads(run(site, "backup", "list", "--json"))[-1]["id"])


@pytest.mark.full
def test_a_night_opens_nothing_that_another_account_can_write(site: Deployment) -> None:
    """The automatic update as the clock begins it: the look, the fetch, the update; and what each minute tidies up."""
    assert site.portal_version() == INSTALLED, "the restore above has led back"
    say_oui(site)
    site.end("worker", signal.SIGTERM)
    it_is_midnight(site)
    with vendor_server(site):
        site.spawn("worker")
        update = wait_for("the night's update", partial(nights_update, Client(site)))
    assert (update["status"], update["from"], update["to"]) == ("succeeded", INSTALLED, GOOD)
    site.end("worker", signal.SIGTERM)
    assert trespasses(site.layout.root / WORKER_TRACE, others_places(site)) == []


def say_oui(site: Deployment) -> None:
    """The setting that switches the automatic update on."""
    client = Client(site)
    fields = {"name": AUTOMATIC_UPDATE.name, "value": "OUI", "password": site.document["admin"]["password"]}
    answer = client.http.post(f"{client.base}/parametres/general", data=fields, timeout=30)
    assert answer.ok, answer.text
    wait_for("OUI", lambda: "update.auto.disable : OUI" in run(site, "auto", "status"))


def it_is_midnight(site: Deployment) -> None:
    """Have the night begin in the first half of this hour of the machine's, or of a place half an hour ahead."""
    zone = "UTC" if datetime.now(UTC).minute < 30 else "Asia/Kolkata"
    site.variables["TZ"] = zone
    text = site.layout.config.read_text(encoding="utf-8")
    hour = f"[automatic_update]\njitter = 0\nhour = {datetime.now(ZoneInfo(zone)).hour}\n"
    site.layout.config.write_text(text.replace("[automatic_update]\n", hour), encoding="utf-8")


@contextmanager
def vendor_server(site: Deployment) -> Iterator[None]:
    """The vendor's repository, served."""
    port = site.vendor_port
    with subprocess.Popen(vendor(site.layout, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for("the vendor's server", partial(listens, port))
        yield
        process.terminate()


def nights_update(client: Client) -> dict[str, Any] | None:
    """The update that the night began, once it has ended."""
    update: dict[str, Any] = client.get("api/updates")[0]
    return update if update["source"] == "automatic" and update["status"] in FINAL else None
