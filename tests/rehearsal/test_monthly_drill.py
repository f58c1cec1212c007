"""When backups are drilled: one night a month, on demand, never beside an update; and who is told of a failure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.bootstrap.drills import make_drills
from ospi_supervisor.config.tables import Config, MailTable
from ospi_supervisor.domain.drill import NIGHTLY, Proof
from ospi_supervisor.domain.requests import DrillBackup, Source
from ospi_supervisor.domain.schedule import NightlyPlan
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.request_codec import encode
from ospi_supervisor.store.topics import DRILLS, DrillsDocument
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.worker.drills import REQUEST_LIFETIME, Drills
from tests.rehearsal.portal import OLD, ROWS, Portal
from tests.support.smtp_server import Post, a_post

pytestmark = pytest.mark.system

NIGHT = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
PLAN = NightlyPlan(zone=UTC)


class Bench:
    """The worker's part of drills, at an hour of the test's choosing."""

    def __init__(self, hospital: Portal, config: Config) -> None:
        config.paths.engine_dir.mkdir(parents=True, exist_ok=True)
        self.hospital = hospital
        self.store = EngineStore(sqlite_url(config.paths.engine_db))
        self.reader = EngineReader(sqlite_url(config.paths.engine_db))
        self.now = NIGHT
        made = make_drills(config, make_adapters(config), self.store, self.reader, lambda: False)
        drilling = replace(made.drilling, clock=lambda: self.now)
        self.drills: Drills = replace(made, drilling=drilling, plan=lambda: PLAN, clock=lambda: self.now)

    def known(self) -> DrillsDocument:
        published = self.reader.published(DRILLS)
        return published[1] if published else DrillsDocument()

    def admit(self) -> int:
        """An update is under way."""
        asked = NewUpdate(
            product="portail-bi",
            from_version=OLD,
            source=Source.SHELL,
            requested_by="durand",
            archive=self.hospital.root / "x.ospi",
            notice_sha256=None,
            notice_read_at=None,
            start_at=None,
        )
        return self.store.admit(asked, self.now)

    def ask(self, number: int, snapshot: str | None) -> dict[str, object]:
        """Somebody's request, and the worker's answer to it."""
        asked = DrillBackup(snapshot=snapshot)
        row = _row(number, encode(asked), self.now)
        self.drills.answer(row)
        return dict(self.reader.answer(number) or {})


def _row(number: int, payload: object, at: datetime) -> RequestRow:
    kind, source = DrillBackup.kind, Source.SHELL
    return RequestRow(id=number, kind=kind, payload=payload, source=source, requested_by="durand", requested_at=at)


@pytest.fixture
def config(hospital: Portal, tmp_path: Path) -> Config:
    """The hospital's, with a state of the test's own and a drill each month."""
    config = hospital.config
    supervisor = msgspec.structs.replace(config.supervisor, state_dir=tmp_path / "state")
    backup = msgspec.structs.replace(config.backup, drill=True)
    return msgspec.structs.replace(config, supervisor=supervisor, backup=backup)


@pytest.fixture
def bench(hospital: Portal, config: Config) -> Iterator[Bench]:
    bench = Bench(hospital, config)
    yield bench
    bench.reader.close()
    bench.store.close()


@pytest.fixture(scope="module", autouse=True)
def _newest(hospital: Portal) -> None:
    hospital.snapshot("derniere")


def test_the_newest_is_drilled_one_night_a_month(bench: Bench) -> None:
    bench.drills.run_if_due()
    (certificate,) = bench.known().certificates
    assert (certificate.proof, certificate.snapshot, certificate.release) == (Proof.PROVEN, "derniere", OLD)
    assert (certificate.rows, certificate.requested_by) == ({"pmsi": ROWS}, NIGHTLY)
    assert set(certificate.hashes) >= {"derniere/fichiers.tar.zst", "derniere/bases/pmsi.pgdump/toc.dat"}
    assert certificate.steps[0].title == "Relecture de la sauvegarde"
    bench.now += timedelta(days=1)
    bench.drills.run_if_due()
    assert len(bench.known().certificates) == 1


def test_none_runs_beside_an_update_and_the_night_tries_again(bench: Bench) -> None:
    bench.admit()
    bench.drills.run_if_due()
    assert bench.known() == DrillsDocument()
    answer = bench.ask(7, None)
    told = "une mise à jour commence ou est en cours ; refaites cette demande après sa fin"
    assert (answer["accepted"], answer["message"]) == (False, told)


def test_an_update_that_begins_ends_a_drill_and_nothing_is_recorded(bench: Bench) -> None:
    began: list[int] = []

    def begin() -> bool:
        if not began and list(bench.hospital.root.rglob("PG_VERSION")):
            began.append(bench.admit())
        return False

    bench.drills = replace(bench.drills, stopping=begin)
    bench.drills.run_if_due()
    assert began
    known = bench.known()
    assert (list(known.certificates), known.at_work, known.last_night) == ([], None, NIGHT.date())
    assert not list(bench.hospital.root.rglob(".repetition"))


def test_a_failed_drill_is_mailed_once_and_named(bench: Bench, config: Config) -> None:
    bench.hospital.snapshot("abimee")
    tarball = bench.hospital.root / "backups/abimee/fichiers.tar.zst"
    tarball.write_bytes(tarball.read_bytes()[:-1])
    try:
        with a_post() as post:
            told = Bench(bench.hospital, msgspec.structs.replace(config, mail=_mail(post)))
            answer = told.ask(3, "abimee")
            told.ask(3, "abimee")
            told.drills.run_if_due()  # the month has had its drill
        (letter,) = post.letters
    finally:
        make_adapters(config).snapshots.drop("abimee")
    (certificate,) = told.known().certificates
    assert (answer["accepted"], answer["message"]) == (True, certificate.key)
    assert certificate.proof is Proof.FAILED
    for words in (
        "abimee",
        "fichiers.tar.zst",
        "Relecture de la sauvegarde : échec",
        "Vos utilisateurs n'ont rien vu",
        certificate.key,
    ):
        assert words in letter.text


def _mail(post: Post) -> MailTable:
    return MailTable(smtp=f"127.0.0.1:{post.port}", recipients=("dim@hopital.example",))


def test_what_cannot_be_drilled_is_answered_in_words(bench: Bench) -> None:
    assert "« absente » à éprouver" in str(bench.ask(4, "absente")["message"])
    bench.now += REQUEST_LIFETIME
    bench.drills.answer(_row(5, {}, NIGHT - timedelta(seconds=1)))
    answer = bench.reader.answer(5)
    assert answer is not None
    assert "trop attendu" in answer["message"]


def test_a_configuration_may_do_without(bench: Bench, config: Config) -> None:
    without = msgspec.structs.replace(config, backup=msgspec.structs.replace(config.backup, drill=False))
    bench.drills = replace(bench.drills, drilling=replace(bench.drills.drilling, config=without))
    bench.drills.run_if_due()
    assert bench.known() == DrillsDocument()
