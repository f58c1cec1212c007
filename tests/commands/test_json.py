"""Commands that print facts print them for programs too."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def test_a_backup_that_was_taken_is_a_fact(shell: Shell) -> None:
    taken = json.loads(shell("backup", "create", "--json").stdout)
    listed = json.loads(shell("backup", "list", "--json").stdout)
    assert (taken["id"], taken["release"]) == (listed[0]["id"], "11.5.0")


def test_what_was_adopted_is_a_fact(shell: Shell) -> None:
    assert json.loads(shell("adopt", "11.5.0", "--json").stdout)["version"] == "11.5.0"


def test_an_export_is_a_fact(shell: Shell, tmp_path: Path) -> None:
    name = json.loads(shell("backup", "create", "--json").stdout)["id"]
    file = tmp_path / "a.tar"
    exported = json.loads(shell("backup", "export", name, file, "--json").stdout)
    assert exported == {"id": name, "file": str(file), "size": file.stat().st_size}


@contextmanager
def accepting(site: Site, update: int | None) -> Iterator[None]:
    """A worker that accepts each request, for that update."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            for row in site.operations.web.requests_after(0):
                if site.operations.reader.answer(row.id) is None:
                    site.engine.answer(row.id, accepted=True, update_id=update, now=now())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_cancellation_is_a_fact(shell: Shell, site: Site) -> None:
    number = site.update()
    with accepting(site, number):
        assert json.loads(shell("cancel", number, "--json").stdout) == {"update": number, "request": 1}


def test_a_run_is_the_updates_facts_or_those_of_the_automatic_update(shell: Shell, site: Site) -> None:
    with accepting(site, None):
        nothing = json.loads(shell("auto", "run", "--json").stdout)
    assert nothing == json.loads(shell("auto", "status", "--json").stdout)
    number = site.update(UpdateStatus.SUCCEEDED)
    with accepting(site, number):
        lines = shell("auto", "run", "--json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines][-1] == "end"
