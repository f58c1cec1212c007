"""`[backup] after_snapshot`: a command is handed a backup, once; what fails is told, what is cut begins anew."""

import os
import pwd
import re
import shlex
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import pytest

from ospi_supervisor.administration.checks import CHECKS, run_checks
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.config.tables import Config, load_config
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import HANDOUTS, HandoutsDocument
from ospi_supervisor.worker.handouts import Handouts
from tests.support.demo import wait_for
from tests.support.site import Site, now
from tests.support.smtp_server import Post, a_post
from tests.support.system import require_root

ME = pwd.getpwuid(os.geteuid()).pw_name
MIB = 1 << 20


def handouts_of(config: Config, stopping: Callable[[], bool] = lambda: False) -> Handouts:
    """As a worker that has just been started has it."""
    url = sqlite_url(config.paths.engine_db)
    published = PublishedStore(EngineStore(url))
    return Handouts(config, make_adapters(config).snapshots, EngineReader(url), published, now, stopping)


@dataclass
class Hospital:
    """A supervisor with data to save, and whom it tells."""

    site: Site
    post: Post
    stopping: bool = False

    def __post_init__(self) -> None:
        self.folder = self.site.folder
        self.data = self.folder / "données"
        self.data.mkdir()
        (self.data / "séjours.csv").write_bytes(os.urandom(3 * MIB))
        (self.data / "lien").symlink_to("séjours.csv")
        self.plain = self.site.config_path.read_text()

    def configure(self, command: str, account: str = ME) -> None:
        """That the `command` of a shell is handed the backups."""
        quoted = shlex.join(["sh", "-c", command]).replace("\\", "\\\\").replace('"', '\\"')
        more = f'after_snapshot = "{quoted}"\nafter_snapshot_account = "{account}"'
        text = self.plain.replace("[platform]", f'[platform]\ndata_dirs = ["{self.data}"]')
        text = text.replace("[backup]", f"[backup]\n{more}")
        mail = f'[mail]\nsmtp = "127.0.0.1:{self.post.port}"\nrecipients = ["dsi@hopital.example"]\n'
        self.site.config_path.write_text(text + mail)
        self.config = load_config(self.site.config_path)
        self.handouts = handouts_of(self.config, lambda: self.stopping)
        self.snapshots = make_adapters(self.config).snapshots

    def snapshot(self, name: str) -> None:
        self.config.backup.directory.mkdir(exist_ok=True)
        self.snapshots.take_full(name, "11.5.0", progress=lambda _: None, check=lambda: None)

    def look(self) -> HandoutsDocument:
        """A minute of the worker, and what became of what it began."""
        self.handouts.look()
        thread = self.handouts._thread
        if thread is not None:
            thread.join(120)
            assert not thread.is_alive()
        return self.known()

    def known(self) -> HandoutsDocument:
        found = self.site.operations.reader.published(HANDOUTS)
        return HandoutsDocument() if found is None else found[1]

    def levels(self) -> list[Grade]:
        check = {"handouts": CHECKS["handouts"]}
        return [finding.level for finding in run_checks(self.config, make_adapters(self.config), check)]


@pytest.fixture
def hospital(site: Site) -> Iterator[Hospital]:
    with a_post() as post:
        yield Hospital(site, post)


def test_each_full_snapshot_is_handed_out_once_as_its_export(hospital: Hospital) -> None:
    got = hospital.folder / "ailleurs"
    got.mkdir(mode=0o777)
    hospital.configure(f'cat > {got}/$OSPI_SNAPSHOT.tar; nice; echo "de $OSPI_SNAPSHOT_RELEASE"')
    assert hospital.look() == HandoutsDocument()
    hospital.snapshot("une")
    hospital.snapshot("deux")
    hospital.look()
    known = hospital.look()
    assert [(row.snapshot, row.failure, row.said) for row in known.rows] == [
        ("deux", None, "19\nde 11.5.0\n"),
        ("une", None, "19\nde 11.5.0\n"),
    ]
    assert hospital.look() == known
    hospital.snapshots.export("une", got / "export.tar")
    assert (got / "une.tar").read_bytes() == (got / "export.tar").read_bytes()
    inside = str(hospital.data).lstrip("/")
    subprocess.run(["tar", "--compare", "-f", got / "deux.tar", "-C", "/", inside], check=True)
    assert (hospital.levels(), hospital.post.letters) == ([Grade.OK], [])


def test_the_documents_script_for_a_share_keeps_what_is_whole_alone(hospital: Hospital) -> None:
    page = (Path(__file__).parents[2] / "docs/sauvegardes.md").read_text(encoding="utf-8")
    (text,) = (block for block in re.findall(r"```\n(#!/bin/sh\n.*?)```", page, re.DOTALL) if "/mnt/partage" in block)
    share = hospital.folder / "partage"
    share.mkdir()
    script = share / "transmettre"
    script.write_text(text.replace("/mnt/partage", str(share)))
    hospital.configure(f"exec sh {script}")
    hospital.snapshot("une")
    assert hospital.look().rows[0].failure is None
    whole = (share / "une.tar").read_bytes()
    with tarfile.open(share / "une.tar") as tar:
        last = tar.getmembers()[-1]
    assert last.name == "ospi-sauvegarde/snapshot.json"
    for cut in (last.offset, last.offset_data + 1):
        ended = subprocess.run(["sh", script], input=whole[:cut], env={**os.environ, "OSPI_SNAPSHOT": "coupée"})
        assert ended.returncode != 0
    assert not (share / "coupée.tar").exists()


def test_a_failure_is_told_once_and_the_next_snapshot_is_handed_out(hospital: Hospital) -> None:
    hospital.configure("cat > /dev/null; yes bruit | head -c 1000000; echo 'PASSWORD=xyzzy dépôt plein' >&2; exit 3")
    hospital.snapshot("une")
    (row,) = hospital.look().rows
    hospital.look()
    (letter,) = hospital.post.letters
    assert row.failure == "la commande a échoué (code 3)"
    assert len(row.said) <= 4000
    for words in ("une sauvegarde n'a pas été transmise", "code 3", "dépôt plein", "Sauvegarde : une"):
        assert words in f"{letter.message['Subject']} {letter.text}".replace("\u00a0", " ")
    assert "xyzzy" not in f"{letter.text}{row}"
    assert hospital.levels() == [Grade.WARNING]
    hospital.configure("cat > /dev/null")
    hospital.snapshot("deux")
    assert [one.snapshot for one in hospital.look().rows] == ["deux", "une"]
    assert hospital.levels() == [Grade.OK]


@pytest.mark.parametrize(
    ("command", "size", "words"),
    [
        ("true", 0, "fini sans lire toute la sauvegarde"),
        ("exec 0<&-; true", 3 * MIB, "fini sans lire toute la sauvegarde"),
        ("exec absente-de-cette-machine", 3 * MIB, "code 127"),
    ],
)
def test_a_command_that_does_not_take_it_all_has_failed(
    hospital: Hospital, command: str, size: int, words: str
) -> None:
    (hospital.data / "séjours.csv").write_bytes(os.urandom(size))
    hospital.configure(command)
    hospital.snapshot("une")
    (row,) = hospital.look().rows
    assert words in str(row.failure)


def test_a_command_that_hangs_is_ended_with_what_it_started(hospital: Hospital) -> None:
    note = hospital.folder / "pid"
    hospital.configure(f"sleep 1000 & echo $! > {note}; wait")
    hospital.snapshot("une")
    backup = msgspec.structs.replace(hospital.config.backup, after_snapshot_timeout=2)
    hospital.handouts.config = msgspec.structs.replace(hospital.config, backup=backup)
    (row,) = hospital.look().rows
    assert row.failure == "la commande n'a pas fini en 2 secondes"
    wait_for("its end", lambda: not psutil.pid_exists(int(note.read_text())))


def test_a_damaged_snapshot_or_an_unknown_account_starts_nothing(hospital: Hospital) -> None:
    note = hospital.folder / "lancée"
    hospital.configure(f"touch {note}; cat > /dev/null")
    hospital.snapshot("une")
    tarball = hospital.config.backup.directory / "une/fichiers.tar.zst"
    tarball.write_bytes(tarball.read_bytes()[:-1])
    assert "endommagée" in str(hospital.look().rows[0].failure)
    hospital.configure(f"touch {note}; cat > /dev/null", account="personne-ici")
    assert hospital.levels() == [Grade.ERROR]
    hospital.snapshot("deux")
    assert "personne-ici" in str(hospital.look().rows[0].failure)
    assert not note.exists()


def test_the_command_runs_as_its_account_alone(hospital: Hospital) -> None:
    require_root("a command runs as another account")
    hospital.configure("cat > /dev/null; id -un; id -Gn; env | grep -c PASSWORD; pwd", account="nobody")
    hospital.snapshot("une")
    assert hospital.look().rows[0].said.splitlines() == ["nobody", "nogroup", "0", "/"]


def test_an_update_or_the_workers_end_cuts_it_and_it_begins_anew(hospital: Hospital) -> None:
    got = hospital.folder / "reçue.tar"
    hospital.configure(f"head -c 1000 > {got}; touch {got}.lue; sleep 1000; cat >> {got}")
    hospital.snapshot("une")
    number = 0
    for cut in ("stop", "update"):
        hospital.handouts.look()
        wait_for("the command", Path(f"{got}.lue").exists)
        assert hospital.known().at_work == "une"
        if cut == "stop":
            hospital.stopping = True
        else:
            number = hospital.site.planned(None)
        assert (list(hospital.look().rows), hospital.known().at_work) == ([], None)
        hospital.stopping = False
        Path(f"{got}.lue").unlink()
    hospital.configure(f"cat > {got}")
    assert list(hospital.look().rows) == []  # the update is there still
    hospital.site.engine.finish(number, UpdateStatus.CANCELLED, now())
    assert [(row.snapshot, row.failure) for row in hospital.look().rows] == [("une", None)]
    assert hospital.post.letters == []


def test_a_killed_worker_takes_the_command_along_and_the_next_one_begins_anew(hospital: Hospital) -> None:
    note, got = hospital.folder / "pid", hospital.folder / "reçue.tar"
    hospital.configure(f"echo $$ > {note}.new; mv {note}.new {note}; cat > {got}; sleep 1000; cat >> {got}")
    hospital.snapshot("une")
    program = (
        "import sys; from pathlib import Path; from ospi_supervisor.config.tables import load_config;"
        " from tests.worker.test_handouts import handouts_of; handouts_of(load_config(Path(sys.argv[1]))).look()"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, str(hospital.site.config_path)])
    wait_for("the command", note.exists)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_for("its end", lambda: not psutil.pid_exists(int(note.read_text())))
    assert (list(hospital.known().rows), hospital.known().at_work) == ([], "une")
    hospital.configure(f"cat > {got}")
    known = hospital.look()
    assert ([(row.snapshot, row.failure) for row in known.rows], known.at_work) == ([("une", None)], None)
    subprocess.run(["tar", "--list", "-f", got], check=True, stdout=subprocess.DEVNULL)
