"""The commands that `docs/sauvegardes.md` gives to administrators restore what they promise to."""

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
from tests.backup.conftest import Hospital, files_of, migrate
from tests.backup.trees import add_oddities, fill, state_of
from tests.support.postgres import Postgres
from tests.support.system import unavailable

GUIDE = Path(__file__).parents[2] / "docs" / "sauvegardes.md"

pytestmark = pytest.mark.system


def commands(kind: str) -> list[str]:
    """Those of the blocks that restore dumps of this `kind`, or no dump of a database."""
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [
        line for block in blocks if set(re.findall(r"bases/NOM\.(\w+)", block)) <= {kind} for line in block.splitlines()
    ]


def test_folders_and_sqlite_are_restored_by_hand(hospital: Hospital) -> None:
    if shutil.which("zstd") is None or shutil.which("sqlite3") is None:
        unavailable("zstd or sqlite3 is not installed")
    fill(hospital.data, 400)
    add_oddities(hospital.data)
    hospital.make_database(100)
    hospital.full()
    migrate(hospital)
    before = files_of(hospital)
    hospital.increment()
    target = hospital.root / "disque de secours"
    target.mkdir()
    for command in commands("sqlite3"):
        subprocess.run(["bash", "-euo", "pipefail", "-c", _placed(command, hospital, target)], check=True)
    restored = target / str(hospital.data).lstrip("/")
    with closing(sqlite3.connect(restored / "portail.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sejour").fetchone() == (100,)
    (restored / "portail.db").unlink()
    assert state_of(restored) | {".": ()} == before


def _placed(command: str, hospital: Hospital, target: Path) -> str:
    """The command with the guide's words replaced by this machine's paths."""
    names = {
        "CIBLE/CHEMIN-DE-LA-BASE": f"{target}{hospital.database}",
        "COMPLETE": str(hospital.backups / "complete"),
        "COMPLEMENT": str(hospital.backups / "arret"),
        "CIBLE": str(target),
        "NOM": "portail",
    }
    pattern = re.compile("|".join(sorted(names, key=len, reverse=True)))
    return pattern.sub(lambda match: names[match[0]].replace(" ", r"\ "), command)


def test_postgresql_is_restored_by_hand(postgres: Postgres, tmp_path: Path) -> None:
    postgres.sql("postgres", "CREATE DATABASE amain OWNER plateforme")
    postgres.sql("amain", "SET ROLE plateforme; CREATE TABLE sejour AS SELECT generate_series(1, 1000) AS id")
    (tmp_path / "secret").write_text(postgres.password, encoding="utf-8")
    table = DatabaseTable(name="NOM", url=postgres.url("amain"), password_file=tmp_path / "secret")
    snapshots = Snapshots(tmp_path / "COMPLEMENT", [], make_databases([table]), 1)
    snapshots.take_full("entiere", "1.0", progress=lambda _: None, check=lambda: None)
    postgres.sql("postgres", "DROP DATABASE amain")
    (command,) = [line for line in commands("pgdump") if line.startswith("pg_restore --create")]
    program, *arguments = command.split()
    arguments[-1] = str(tmp_path / "COMPLEMENT" / "entiere" / "bases" / "NOM.pgdump")
    postgres.run(program, *arguments)
    assert postgres.sql("amain", "SELECT count(*) FROM sejour") == "1000"
    postgres.sql("postgres", "DROP DATABASE amain")


def test_a_dump_without_the_platforms_search_path_is_loaded_by_hand(postgres: Postgres, tmp_path: Path) -> None:
    postgres.sql("postgres", "CREATE DATABASE amain OWNER plateforme")
    postgres.sql(
        "amain",
        """SET ROLE plateforme; CREATE FUNCTION plus(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
        'BEGIN RETURN n + un(); END'; CREATE FUNCTION un() RETURNS int IMMUTABLE LANGUAGE plpgsql AS
        'BEGIN RETURN 1; END'; CREATE TABLE sejour (id int, suivant int GENERATED ALWAYS AS (plus(id)) STORED);
        INSERT INTO sejour (id) SELECT generate_series(1, 1000)""",
    )
    dump = tmp_path / "COMPLEMENT"
    postgres.run("pg_dump", "--format=directory", f"--file={dump}", "amain")
    postgres.sql("postgres", "DROP DATABASE amain")
    places = {"COMPLEMENT/bases/NOM.pgdump": str(dump), "ROLE": "plateforme", "NOM": "amain"}
    address = {"PGHOST": str(postgres.folder), "PGPORT": str(postgres.port), "PGUSER": "proprietaire"}
    for command in [line for line in commands("pgdump") if line.startswith(("createdb", "pg_restore --file"))]:
        for word, place in places.items():
            command = command.replace(word, place)
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, env={**os.environ, **address})
    assert postgres.sql("amain", "SELECT sum(suivant - id) FROM sejour") == "1000"
    postgres.sql("postgres", "DROP DATABASE amain")


def test_a_checkpoint_that_was_a_copy_is_loaded_by_hand(postgres: Postgres, tmp_path: Path) -> None:
    postgres.sql("postgres", "CREATE DATABASE amain OWNER plateforme CONNECTION LIMIT 17")
    postgres.sql("amain", "SET ROLE plateforme; CREATE TABLE sejour AS SELECT generate_series(1, 1000) AS id")
    (tmp_path / "secret").write_text(postgres.password, encoding="utf-8")
    table = DatabaseTable(name="NOM", url=postgres.url("amain"), password_file=tmp_path / "secret")
    snapshots = Snapshots(tmp_path / "sauvegardes", [], make_databases([table]), 1)
    snapshots.take_full("entiere", "1.0", progress=lambda _: None, check=lambda: None)
    snapshots.take_increment("entiere", "arret", "1.0", progress=lambda _: None, check=lambda: None)
    snapshots.settle("arret", progress=lambda _: None)
    postgres.sql("postgres", "DROP DATABASE amain")
    places = {"COMPLEMENT": str(tmp_path / "sauvegardes" / "arret"), "BASE": "amain"}
    for command in [line for line in commands("pgdump") if line.startswith(("psql", "pg_restore --exit"))]:
        program, *arguments = command.split()
        for word, place in places.items():
            arguments = [argument.replace(word, place) for argument in arguments]
        postgres.run(program, *arguments)
    assert postgres.sql("amain", "SELECT count(*) FROM sejour") == "1000"
    assert postgres.sql("amain", "SELECT datconnlimit FROM pg_database WHERE datname = 'amain'") == "17"
    postgres.sql("postgres", "DROP DATABASE amain")
