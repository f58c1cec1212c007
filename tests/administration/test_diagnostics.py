"""The support's bundle: all that helps, nothing secret, whatever is broken."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.administration.diagnostics import TAIL_BYTES
from ospi_supervisor.bootstrap.operations import make_diagnostics
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.store.web_models import Account, Session
from tests.support import archives
from tests.support.site import Site

FILE_PASSWORD = 'mot-de-passe-du-fichier "é\\'
URL_PASSWORD = "dans%20l'adresse"
OPTION_PASSWORD = "sur-la-ligne"
COMMENT_PASSWORD = "en-commentaire"
DEAD_PLATFORM = "http://127.0.0.1:9/"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A supervisor whose platform is down, and secrets wherever they can be."""
    keys = archives.make_keys(tmp_path)
    site = Site(tmp_path / "site", DEAD_PLATFORM, keys / "root.json")
    (site.folder / "db-password").write_text(f"{FILE_PASSWORD}\n", encoding="utf-8")
    with site.config_path.open("a", encoding="utf-8") as file:
        file.write(f"""
# l'ancien mot de passe : {COMMENT_PASSWORD}
[[platform.databases]]
name = "entrepot"
url = "postgresql://bi@127.0.0.1:9/entrepot"
password_file = "{site.folder}/db-password"
[[platform.services]]
name = "calculs"
start = "/bin/true --password {OPTION_PASSWORD}"
stop = "/bin/true"
status = "/bin/false"
""")
    site.config = load_config(site.config_path)
    yield site
    site.close()


def bundle(site: Site) -> dict[str, str]:
    data = make_diagnostics(site.config, site.operations.reader, site.operations.status).bundle()
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def write_log(site: Site, number: int, text: str) -> None:
    site.config.paths.logs_dir.mkdir(parents=True, exist_ok=True)
    (site.config.paths.logs_dir / f"update-{number}.log").write_text(text, encoding="utf-8")


def test_with_the_platform_down_the_bundle_tells_what_is_wrong(site: Site) -> None:
    number = site.update(UpdateStatus.ROLLED_BACK)
    site.engine.set_failure(number, Phase.MIGRATE, "le programme 20-schema a échoué")
    site.event(number, "log", Phase.MIGRATE, level="error", message="Échec de l'étape « Migration ».")
    site.event(number, "log", Phase.MIGRATE, level="output", message="une ligne parmi un million")
    write_log(site, number, "ALTER TABLE sejours\n")
    parts = bundle(site)
    assert json.loads(parts["configuration.json"])["platform"]["product"] == "portail-bi"
    assert json.loads(parts["versions.json"])["releases"] == ["11.5.0"]
    assert json.loads(parts["machine.json"])["memory"] > 0
    assert json.loads(parts["etat.json"])["worker"] == "down"
    assert (parts["base-engine.txt"], parts["base-web.txt"]) == ("ok", "ok")
    assert json.loads(parts["mises-a-jour.json"])[0]["failure"] == "le programme 20-schema a échoué"
    assert "Échec de l'étape « Migration »." in parts["journaux.txt"]
    assert "une ligne parmi un million" not in parts["journaux.txt"]
    assert parts[f"logs/update-{number}.log"] == "ALTER TABLE sejours\n"
    found = {item["check"]: item["level"] for item in json.loads(parts["controles.json"])}
    assert (found["health"], found["databases"], found["trust"]) == ("error", "error", "warning")
    assert "services.log" in parts
    assert "support@ospi.fr" in parts["LISEZMOI.txt"]


def test_no_secret_is_in_it(site: Site) -> None:
    browser = site.browser()
    cookie = browser.client.get_cookie("ospi_superviseur", path="/superviseur")
    assert cookie is not None
    number = site.update()
    url = f"postgresql://bi:{URL_PASSWORD}@127.0.0.1/entrepot"
    write_log(site, number, f"{url}\nPGPASSWORD={OPTION_PASSWORD}\n{FILE_PASSWORD}\njeton-de-mesure\n")
    site.event(number, "log", Phase.MIGRATE, level="error", message=f"connexion à {url} refusée ({FILE_PASSWORD})")
    site.engine.set_failure(number, Phase.MIGRATE, f"mot de passe {FILE_PASSWORD} refusé")
    secrets = {
        "the password's file": FILE_PASSWORD,
        "the same in JSON": json.dumps(FILE_PASSWORD, ensure_ascii=False)[1:-1],
        "an address": URL_PASSWORD,
        "a command's option": OPTION_PASSWORD,
        "a comment": COMMENT_PASSWORD,
        "the metrics' token": "jeton-de-mesure",
        "the key of cookies": site.config.paths.secret_key.read_text(encoding="utf-8"),
        "a cookie": cookie.value,
        "a session": Session.get().token_sha256,
        "an account's hash": Account.get().password_hash,
    }
    everything = "\n".join(f"{name}\n{text}" for name, text in bundle(site).items())
    assert {name for name, secret in secrets.items() if secret in everything} == set()
    assert "scrypt:" not in everything
    assert "connexion à postgresql://bi:***@127.0.0.1/entrepot refusée (***)" in everything


def test_long_logs_are_cut_at_a_line_and_old_ones_left_out(site: Site) -> None:
    line = f"{FILE_PASSWORD} {'x' * 100}\n"
    for number in range(1, 13):
        write_log(site, number, line * (3 * TAIL_BYTES // len(line)) if number == 12 else "court\n")
    parts = bundle(site)
    logs = [name for name in parts if name.startswith("logs/")]
    assert logs == [f"logs/update-{number}.log" for number in range(12, 2, -1)]
    assert 0 < len(parts["logs/update-12.log"]) <= TAIL_BYTES
    assert set(parts["logs/update-12.log"].splitlines()) == {f"*** {'x' * 100}"}


def test_what_is_broken_is_told_and_the_rest_is_there(site: Site) -> None:
    site.update()
    site.engine.close()
    path = site.config.paths.engine_db
    path.write_bytes(path.read_bytes()[:1024] + b"\xff" * 8192)
    (site.folder / "platform/current").unlink()
    parts = bundle(site)
    assert "cette partie n'a pas pu être réunie : PlatformError" in parts["machine.json"]
    assert "cette partie n'a pas pu être réunie : StateError : la base" in parts["mises-a-jour.json"]
    assert parts["base-engine.txt"] != "ok"
    assert json.loads(parts["configuration.json"])


def test_the_command_writes_it_for_its_owner_alone_without_any_service(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "diagnostic.zip"
    program = "from ospi_supervisor.cli import main; main()"
    command = [sys.executable, "-c", program, "--config", str(site.config_path), "diagnostics", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "support@ospi.fr" in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert "etat.json" in archive.namelist()
    assert site.operations.web.audit(1)[0].action == "diagnostic réuni"
