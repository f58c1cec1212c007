"""The README says nothing that is not so: its links lead somewhere, its commands exist."""

import re

from click import Command, Context, Group

from demo.layout import REPOSITORY
from demo.samples import FAILING, GOOD, PRODUCT
from ospi_supervisor.cli import main as supervisor
from ospi_supervisor.domain.versions import parse_version
from ospi_supervisor.publisher.cli import main as release

TEXT = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_every_link_and_picture_is_there() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert targets
    assert [target for target in targets if not (REPOSITORY / target).exists()] == []


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)$|`make ([a-z-]+)`", TEXT, re.MULTILINE))
    assert named
    assert {one or other for one, other in named} <= targets


def test_every_command_exists() -> None:
    programs: dict[str, Command] = {"ospi-supervisor": supervisor, "ospi-release": release}
    lines = re.findall(r"(?:^|`)(ospi-(?:supervisor|release)) ([^`\n]+)", TEXT, re.MULTILINE)
    assert len(lines) >= 6
    for program, arguments in lines:
        command = programs[program]
        for word in arguments.split():
            if not isinstance(command, Group):
                break
            found = command.get_command(Context(command), word)
            assert found is not None, f"{program} {arguments}"
            command = found


def test_what_the_readme_has_one_try_comes_in_an_order_that_works() -> None:
    """Only what is newer is installed: the version that fails comes before the one that succeeds."""
    tries = TEXT.partition("## Try it")[2].partition("\n## ")[0]
    order = [
        "failing-migration",
        "unlock --challenge",
        "unlock-code",
        "unlock CODE",
        "update.auto.disable OUI",
        "auto run",
    ]
    places = [tries.index(command) for command in order]
    assert places == sorted(places)
    assert parse_version(FAILING) < parse_version(GOOD)
    assert f"failing-migration/{PRODUCT}-{FAILING}.ospi" in tries
