"""Backups from the shell: dates and sizes as people read them, facts as programs do."""

import json
import re

from ospi_supervisor.bootstrap.administration import make_administration
from tests.commands.conftest import Shell
from tests.support.site import INSTALLED, Site


def test_the_list_is_for_people_and_the_json_for_programs(shell: Shell, site: Site) -> None:
    snapshots = make_administration(site.config).snapshots
    snapshots.take_full("update-1-full", INSTALLED, progress=lambda _: None, check=lambda: None)
    snapshots.take_increment(
        "update-1-full", "update-1-checkpoint", INSTALLED, progress=lambda _: None, check=lambda: None
    )

    titles, full, checkpoint = (re.split(r" {2,}", line) for line in shell("backup", "list").stdout.splitlines())
    assert titles == ["sauvegarde", "prise le", "version", "taille", "contenu"]
    assert full[0] == "update-1-full"
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", full[1])
    assert re.fullmatch(r"[\d,]+ (octets|ko)", full[3])
    assert full[4] == "entière"
    assert checkpoint[4] == "ce qui a changé depuis update-1-full"

    facts = json.loads(shell("backup", "list", "--json").stdout)
    assert [fact["base"] for fact in facts] == [None, "update-1-full"]
    assert all(type(fact["size"]) is int and "T" in fact["taken_at"] for fact in facts)
