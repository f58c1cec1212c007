"""Commands that print facts print them for programs too."""

import json

from ospi_supervisor.domain.lifecycle import UpdateStatus
from tests.commands.conftest import Shell
from tests.support.site import Site, now


def test_whether_the_page_is_there(shell: Shell, site: Site) -> None:
    assert json.loads(shell("maintenance", "status", "--json").stdout) == {"maintenance": False}
    (site.folder / "flag").touch()
    assert json.loads(shell("maintenance", "status", "--json").stdout) == {"maintenance": True}
    assert shell("maintenance", "status").stdout == "en place\n"


def test_what_is_wrong_with_a_backup(shell: Shell, site: Site) -> None:
    shell("backup", "create")
    [name] = [row["id"] for row in json.loads(shell("backup", "list", "--json").stdout)]
    good = shell("backup", "verify", name, "--json")
    assert (good.exit_code, json.loads(good.stdout)) == (0, {"id": name, "problems": []})
    (site.folder / "backups" / name / "snapshot.json").unlink()
    damaged = shell("backup", "verify", name, "--json")
    assert damaged.exit_code == 1
    assert json.loads(damaged.stdout)["problems"]


def test_what_to_send_to_the_support(shell: Shell, site: Site) -> None:
    number = site.update(UpdateStatus.ROLLED_BACK)
    for version in ("11.5.9", "11.6.0"):
        site.engine.lock_version("portail-bi", version, number, now())
    told = shell("unlock", "--challenge").stdout.splitlines()
    facts = json.loads(shell("unlock", "--challenge", "--json").stdout)
    assert [(fact["version"], fact["challenge"]) for fact in facts] == list(
        zip(["11.5.9", "11.6.0"], told, strict=True)
    )
    assert shell("unlock", "ABC", "--json").exit_code == 2
