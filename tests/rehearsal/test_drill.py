"""A backup is proven by what is done with it: loaded beside the platform, its release started on it."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.backup import inventory
from ospi_supervisor.backup.inventory import Part
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.domain.drill import Played, Proof
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.domain.rehearsal import Outcome
from ospi_supervisor.rehearsal.drill import Drill, Quiet
from ospi_supervisor.rehearsal.play import Asked, Rehearsal
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.portal import ROWS, Portal
from tests.rehearsal.site import SNAPSHOT, Site

pytestmark = pytest.mark.system

REFUSES_ITS_ROWS = """SET ROLE plateforme;
CREATE TABLE zone (id int);
INSERT INTO zone VALUES (1);
CREATE FUNCTION connue(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.zone WHERE id = $1)';
CREATE TABLE unite (zone int CHECK (connue(zone)));
INSERT INTO unite VALUES (1);
"""
"""Loaded before the table that its constraint reads, `unite` is refused; pg_dump sees no such order."""


def drill(hospital: Portal | Site, name: str) -> Played:
    adapters = make_adapters(hospital.config)
    (snapshot,) = [one for one in adapters.snapshots.list() if one.id == name]
    assert adapters.snapshots.verify(name) == []
    return Drill(Rehearsal(hospital.config, adapters.releases), lambda: None).play(snapshot, lambda: None)


def nothing_is_left(hospital: Portal) -> bool:
    return not any(hospital.root.rglob(".repetition"))


def damage(snapshot: Path, dump: str) -> None:
    """Spoil the last rows of the largest table in a dump, and have the record agree."""
    data = max((snapshot / dump).glob("*.dat*"), key=lambda path: path.stat().st_size)
    spoil(snapshot, data, data.read_bytes()[:-40])


def spoil(snapshot: Path, data: Path, contents: bytes) -> None:
    """Have a file of the snapshot be other than it was, and its record agree."""
    data.write_bytes(contents)
    record = inventory.load(snapshot)
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    part = Part(size=data.stat().st_size, sha256=digest)
    parts = record.parts | {str(data.relative_to(snapshot)): part}
    inventory.save(snapshot, msgspec.structs.replace(record, parts=parts))


def test_a_good_backup_is_loaded_started_and_well(hospital: Portal) -> None:
    hospital.snapshot("bonne")
    before = hospital.contents()
    played = drill(hospital, "bonne")
    assert played.proof is Proof.PROVEN, played.verdict.reason
    assert played.rows == {"pmsi": ROWS}
    assert [step.phase for step in played.verdict.steps] == ["", "start", "health"]
    assert hospital.contents() == before
    assert nothing_is_left(hospital)


def test_a_dump_that_hashes_well_and_does_not_load_fails_by_name(hospital: Portal) -> None:
    hospital.sql(REFUSES_ITS_ROWS)
    hospital.snapshot("refusee")
    hospital.sql("DROP TABLE unite, zone; DROP FUNCTION connue")
    played = drill(hospital, "refusee")
    assert played.proof is Proof.FAILED
    assert "base « pmsi »" in played.verdict.reason
    assert "unite" in played.verdict.reason
    assert nothing_is_left(hospital)


@pytest.mark.full
def test_a_dump_whose_rows_are_cut_short_names_the_table(hospital: Portal) -> None:
    hospital.snapshot("coupee")
    damage(hospital.root / "backups/coupee", "bases/pmsi.pgdump")
    played = drill(hospital, "coupee")
    assert played.proof is Proof.FAILED
    assert 'table "public.sejour"' in played.verdict.reason
    assert nothing_is_left(hospital)


@pytest.mark.full
def test_a_sqlite_database_is_read_to_its_end_in_the_twin(make_site: MakeSite) -> None:
    site = make_site()
    played = drill(site, SNAPSHOT)
    assert (played.proof, played.rows) == (Proof.PROVEN, {"portail": {"stay": 200}}), played.verdict.reason


def test_a_sqlite_dump_that_hashes_well_and_cannot_be_read_fails_by_name(make_site: MakeSite) -> None:
    site = make_site()
    snapshot = site.root / "backups" / SNAPSHOT
    dump = snapshot / "bases/portail.sqlite3"
    data = dump.read_bytes()
    spoil(snapshot, dump, data[:4096] + b"\xff" * (len(data) - 4096))
    played = drill(site, SNAPSHOT)
    assert played.proof is Proof.FAILED
    assert "base « portail » : la table « stay » ne se lit pas" in played.verdict.reason


@pytest.mark.full
def test_a_dump_that_does_not_load_is_named_by_the_rehearsal_too(hospital: Portal) -> None:
    """It says nothing of the release: the update was not rehearsed, and why."""
    hospital.sql(REFUSES_ITS_ROWS)
    hospital.snapshot("sans-double")
    hospital.sql("DROP TABLE unite, zone; DROP FUNCTION connue")
    manifest = Manifest(product="portail-bi", version="11.6.0")
    asked = Asked(
        snapshot_id="sans-double",
        manifest=manifest,
        from_version="11.5.0",
        update_id=1,
        log_folder=hospital.root,
    )
    verdict = Rehearsal(hospital.config, make_adapters(hospital.config).releases).play(asked, Quiet(lambda: None))
    assert verdict.outcome is Outcome.NOT_REHEARSED
    assert "base « pmsi »" in verdict.reason
    assert "unite" in verdict.reason
