"""The commands that act on the machine, on a real platform: backups, the switch by hand, audits, accounts."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import requests

from tests.support.demo import Client, RunningDemo

pytestmark = pytest.mark.system


def test_a_backup_restores_data_and_their_release(demo: RunningDemo, tmp_path: Path) -> None:
    before = demo.data()
    created = demo.cli("backup", "create")
    assert created.returncode == 0, created.stderr
    snapshot = json.loads(demo.cli("backup", "list", "--json").stdout)[0]["id"]
    assert demo.cli("backup", "verify", snapshot).returncode == 0
    updated = demo.cli("import", str(demo.archive("good")), "--notice-read", "--wait")
    assert updated.returncode == 0, updated.stderr
    late = demo.layout.data / "documents" / "arrivé après.txt"
    late.write_text("gardé", encoding="utf-8")
    assert demo.data() != before

    restored = demo.cli("backup", "restore", snapshot, "--yes", "--json")

    assert restored.returncode == 0, restored.stderr
    assert "sera perdu" in restored.stderr
    facts = json.loads(restored.stdout)
    assert (facts["id"], facts["release"]) == (snapshot, "11.5.0")
    assert demo.data() == before
    assert demo.portal_version() == "11.5.0"
    assert json.loads(demo.cli("status", "--json").stdout)["maintenance"] is False
    assert demo.cli("verify-release").returncode == 0
    kept = [path for path in facts["moved"] if path.endswith("arrivé après.txt")]
    assert [Path(path).read_text(encoding="utf-8") for path in kept] == ["gardé"]
    names = [row["id"] for row in json.loads(demo.cli("backup", "list", "--json").stdout)]
    assert any(name.startswith("avant-restauration-") for name in names)

    exported = tmp_path / "sauvegarde.tar"
    assert demo.cli("backup", "export", snapshot, str(exported)).returncode == 0
    with tarfile.open(exported) as archive:
        assert any("procedure-export-mensuel.pdf" in name for name in archive.getnames())


def test_a_damaged_backup_is_refused_before_anything_is_touched(demo: RunningDemo) -> None:
    snapshot = json.loads(demo.cli("backup", "list", "--json").stdout)[0]["id"]
    folder = demo.layout.backups / snapshot
    parts = (path for path in folder.rglob("*") if path.is_file() and path.name != "snapshot.json")
    part = max(parts, key=lambda path: path.stat().st_size)
    good = part.read_bytes()
    part.write_bytes(good[:-10] + b"0123456789")
    before = demo.data()
    assert demo.cli("backup", "verify", snapshot).returncode == 1
    refused = demo.cli("backup", "restore", snapshot, "--yes")
    part.write_bytes(good)
    assert refused.returncode == 1
    assert "rien n'a été touché" in refused.stderr
    assert demo.data() == before
    assert demo.portal_version() == "11.5.0"


def test_a_database_too_damaged_to_be_saved_is_restored_all_the_same(demo: RunningDemo) -> None:
    snapshot = json.loads(demo.cli("backup", "list", "--json").stdout)[0]["id"]
    before = demo.data()
    database = demo.layout.data / "portail.db"
    database.write_bytes(b"plus une base" * 1000)
    damaged = database.read_bytes()

    stopped = demo.cli("backup", "restore", snapshot, "--yes")

    assert stopped.returncode == 1
    assert "--without-safety" in stopped.stderr
    assert database.read_bytes() == damaged
    assert demo.cli("maintenance", "status").stdout.strip() == "en place"
    restored = demo.cli("backup", "restore", snapshot, "--without-safety", "--yes")
    assert restored.returncode == 0, restored.stderr
    assert "NE SERA PAS sauvegardé" in restored.stdout
    assert demo.data() == before
    assert demo.portal_version() == "11.5.0"


def test_the_page_is_swapped_by_hand(demo: RunningDemo) -> None:
    assert demo.cli("maintenance", "on").returncode == 0
    answer = requests.get(demo.url, timeout=10)
    assert (answer.status_code, answer.headers["X-OSPI-Maintenance"]) == (503, "1")
    assert demo.cli("maintenance", "status").stdout.strip() == "en place"
    assert demo.cli("maintenance", "off").returncode == 0
    assert requests.get(demo.url, timeout=10).status_code == 200


def test_check_tells_what_is_right_and_what_is_wrong(demo: RunningDemo) -> None:
    findings = json.loads(demo.cli("check", "--json").stdout)
    by_check: dict[str, list[str]] = {}
    for item in findings:
        by_check.setdefault(item["check"], []).append(item["level"])
    assert {level for check in ("trust", "services", "health", "databases") for level in by_check[check]} == {"ok"}
    wrong = demo.layout.root / "wrong.toml"
    text = demo.layout.config.read_text(encoding="utf-8")
    program = Path(sys.executable).with_name("ospi-supervisor")
    command = [str(program), "--config", str(wrong), "check"]
    for account, told in {"personne-de-ce-nom": "n'existe pas", "root": "a les droits de root"}.items():
        wrong.write_text(text.replace("[platform]", f'[platform]\naccount = "{account}"', 1), encoding="utf-8")
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1
        assert f"le compte {account} (platform.account) {told}" in refused.stdout


def test_an_account_comes_and_goes(demo: RunningDemo) -> None:
    program = Path(sys.executable).with_name("ospi-supervisor")

    def user(*arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(program), "--config", str(demo.layout.config), "user", *arguments]
        return subprocess.run(command, input=f"{password}\n", capture_output=True, text=True, timeout=60, check=False)

    added = user("add", "camille", "--group", "administration system", password="un mot de passe")
    assert added.returncode == 0, added.stderr
    account = {"username": "camille", "groups": ["administration system"], "must_renew": False}
    assert account in json.loads(user("list", "--json").stdout)
    assert user("password", "camille", password="court").returncode == 1
    assert user("remove", "camille", "--yes").stdout == "Compte camille retiré.\n"
    assert "camille" not in user("list").stdout
    assert user("remove", "camille", "--yes").returncode == 1
    assert Client(demo).get("api/status")["worker"] == "up"


def test_what_was_done_is_traced(demo: RunningDemo) -> None:
    client = Client(demo)
    page = client.http.get(f"{client.base}/tracabilite", headers={"Accept": "text/html"}, timeout=30).text
    for action in ("restauration demandée", "page de maintenance mise en place", "compte retiré"):
        assert action in page


def test_wrong_usage_is_told_apart_from_a_refusal(demo: RunningDemo) -> None:
    assert demo.cli("import").returncode == 2
    assert demo.cli("nothing-of-that-name").returncode == 2
    refused = demo.cli("import", str(demo.archive("good")))
    assert refused.returncode == 1
    assert "notice" in refused.stderr
    assert demo.cli("log", "9999").returncode == 1
