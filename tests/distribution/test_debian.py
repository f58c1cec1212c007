"""One file puts the supervisor on a Debian 12 that has nothing but Debian's own packages, without network.

The commands are the guide's own. What is not the real thing: `systemctl`, since no systemd runs there
(`tests/distribution/systemctl`); the units are held by `systemd-analyze verify`.
"""

import json
import re
import stat
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from demo.layout import REPOSITORY
from distribution.__main__ import HOOK_BYTES, TRIAL_KEYS
from ospi_supervisor import __version__
from tests.distribution.conftest import BrowserOn
from tests.distribution.server import Server, build_release, complete, put_platform, start_platform
from tests.support.system import require_program, wait_until

pytestmark = [pytest.mark.system, pytest.mark.full]

GUIDE = (REPOSITORY / "docs" / "deploiement.md").read_text(encoding="utf-8")
RUN = f"ospi-supervisor-{__version__}.run"
PLATFORM_PORT = 8000
SITE = "http://un.test"
RIGHTS = {
    "/etc/ospi-supervisor": ("root", "root", 0o755),
    "/var/lib/ospi-supervisor": ("root", "root", 0o755),
    "/var/lib/ospi-supervisor/engine": ("root", "ospi-web", 0o2751),
    "/var/lib/ospi-supervisor/web": ("ospi-web", "ospi-web", 0o700),
    "/var/lib/ospi-supervisor/queue": ("ospi-web", "ospi-web", 0o700),
    "/var/lib/ospi-supervisor-maintenance": ("root", "root", 0o755),
    "/var/backups/ospi-supervisor": ("root", "root", 0o700),
    "/etc/ospi-supervisor/supervisor.toml": ("root", "ospi-web", 0o640),
    "/etc/ospi-supervisor/root.json": ("root", "root", 0o644),
    "/etc/ospi-supervisor/support.pub.pem": ("root", "root", 0o644),
}


def blocks(section: str) -> list[str]:
    """The guide's blocks of commands, of one section."""
    text = GUIDE.partition(f"\n## {section}")[2].partition("\n## ")[0]
    return [block.replace("VERSION", __version__) for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)]


def rights(server: Server, path: str) -> tuple[str, str, int]:
    """Owner, group and mode, as the server knows them."""
    owner, group, mode = server.run("stat", "--format=%U %G %a", path).stdout.split()
    return owner, group, int(mode, 8)


def installed(server: Server) -> set[str]:
    """The versions beside each other, and anything left half-made."""
    return {path.name for path in server.path("/opt/ospi-supervisor/releases").iterdir()}


def test_the_first_run_makes_all_but_what_it_cannot_know(server: Server) -> None:
    assert server.run("python3", "-c", "import flask", check=False).returncode == 1
    check_hash, put = blocks("2. Le programme")
    server.type(f"cd remis; {check_hash}")
    said = server.type(f"cd remis; {put}")
    assert "Il reste à compléter /etc/ospi-supervisor/supervisor.toml" in said
    assert "À installer" not in said
    assert {path: rights(server, path) for path in RIGHTS} == RIGHTS
    assert not server.path(f"/etc/systemd/system/{'ospi-supervisor-web.service'}").exists()
    assert server.run("ospi-supervisor", "--version").stdout.strip().endswith(__version__)


def test_its_rights_are_those_of_the_guides_commands(server: Server) -> None:
    (commands, *_) = blocks("3. Comptes")
    server.type(re.sub(r"^useradd .*\n", "", commands, flags=re.M))
    assert {path: rights(server, path) for path in RIGHTS} == RIGHTS


def test_the_second_run_finishes_and_check_is_content(server: Server, delivered: Path) -> None:
    put_platform(server, "un", PLATFORM_PORT)
    config = server.path("/etc/ospi-supervisor/supervisor.toml")
    config.write_text(complete(config.read_text(encoding="utf-8"), "un", PLATFORM_PORT, f"{SITE}/"), encoding="utf-8")
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    server.run("ospi-supervisor", "adopt", "11.5.0")
    start_platform(server, "un", PLATFORM_PORT)
    said = server.type(f"cd remis; {blocks('2. Le programme')[1]}")
    assert f"Superviseur OSPI {__version__} est installé" in said
    assert "déjà en place" in said
    assert server.path("/var/lib/ospi-supervisor-maintenance/page/index.html").exists()
    units = server.path("/etc/systemd/system")
    assert "ExecStart=/opt/ospi-supervisor/current/bin/ospi-supervisor" in (
        (units / "ospi-supervisor-worker.service").read_text(encoding="utf-8")
    )
    server.type("ospi-supervisor proxy nginx > /etc/nginx/conf.d/ospi.conf; nginx -t; nginx")
    server.run(
        "ospi-supervisor", "user", "add", "dsi", "--group", "administration system", stdin="correct cheval pile\n"
    )
    wait_until(
        lambda: server.run("curl", "-fsS", f"{SITE}/superviseur/sante", check=False).returncode == 0, "the pages"
    )
    findings = json.loads(server.run("ospi-supervisor", "check", "--json", check=False).stdout)
    assert [item for item in findings if item["level"] == "error"] == []


def test_the_units_are_correct(server: Server, tmp_path: Path) -> None:
    for unit in server.path("/etc/systemd/system").glob("ospi-supervisor*.service"):
        text = unit.read_text(encoding="utf-8")
        (tmp_path / unit.name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M))
    command = [require_program("systemd-analyze"), "verify", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert [line for line in done.stderr.splitlines() if "ospi" in line] == []


def test_each_of_the_programs_doors_opens(server: Server) -> None:
    python = "/opt/ospi-supervisor/current/venv/bin/python"
    server.run(python, "-I", "-c", "import ospi_supervisor.wsgi")
    size = server.run("du", "-s", "--block-size=1", "/opt/ospi-supervisor/current/venv").stdout.split()[0]
    assert int(size) < HOOK_BYTES


def test_an_update_through_a_browser(server: Server, browser_on: BrowserOn, delivered: Path, tmp_path: Path) -> None:
    archive = build_release(tmp_path, delivered / TRIAL_KEYS, "un", "11.6.0")
    page = browser_on(server).new_page()
    page.goto(f"{SITE}/superviseur/")
    page.get_by_label("Identifiant").fill("dsi")
    page.get_by_label("Mot de passe").fill("correct cheval pile")
    page.get_by_role("button", name="Se connecter").click()
    page.goto(f"{SITE}/superviseur/mises-a-jour/import")
    page.locator("input[type=file]").set_input_files(archive)
    page.get_by_label("J'ai lu la notice").check(timeout=60_000)
    page.locator("#import-button").click(timeout=60_000)
    expect(page).to_have_url(re.compile("suivi.update="), timeout=60_000)
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no", timeout=180_000)
    assert json.loads(server.run("curl", "-fsS", f"{SITE}/health").stdout)["version"] == "11.6.0"


def test_a_version_that_was_damaged_is_made_anew(server: Server) -> None:
    release = f"/opt/ospi-supervisor/releases/{__version__}"
    server.type(f"rm -r {release}/venv/lib/python3*/site-packages/flask {release}/venv/ready")
    assert f"programme {__version__} en place" in server.type(f"sh remis/{RUN}")
    assert installed(server) == {__version__}
    server.run("ospi-supervisor", "status")


def test_uninstall_keeps_the_data_and_a_new_installation_finds_them(server: Server) -> None:
    server.run("ospi-supervisor", "maintenance", "on")
    refused = server.run("sh", f"remis/{RUN}", "--uninstall", check=False)
    assert (refused.returncode, "page de maintenance" in refused.stderr) == (1, True)
    server.run("ospi-supervisor", "maintenance", "off")
    history = server.run("ospi-supervisor", "history", "--json").stdout
    server.run("sh", f"remis/{RUN}", "--uninstall")
    for gone in (
        "/opt/ospi-supervisor",
        "/usr/local/bin/ospi-supervisor",
        "/etc/systemd/system/ospi-supervisor-web.service",
    ):
        assert not server.path(gone).exists(), gone
    assert server.run("curl", "-fsS", "http://127.0.0.1:8810/superviseur/sante", check=False).returncode != 0
    assert {path: rights(server, path) for path in RIGHTS} == RIGHTS
    server.run("busybox", "sh", f"remis/{RUN}")
    assert server.run("ospi-supervisor", "history", "--json").stdout == history
    wait_until(
        lambda: server.run("curl", "-fsS", f"{SITE}/superviseur/sante", check=False).returncode == 0, "the pages"
    )
