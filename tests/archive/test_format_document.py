"""`docs/format-archive.md` names every key that a reader meets, and no other."""

import re
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.archive.entries import Entry
from ospi_supervisor.domain.manifest import Manifest

DOCUMENT = Path(__file__).parents[2] / "docs/format-archive.md"


@pytest.mark.parametrize(("title", "struct"), [("manifest.json", Manifest), ("index.json.zst", Entry)])
def test_the_keys_of_each_member_are_documented(title: str, struct: type) -> None:
    section = DOCUMENT.read_text(encoding="utf-8").split(f". {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z0-9_`, ]+`) \|", section, re.MULTILINE)

    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(
        field.name
        for field in msgspec.inspect.type_info(struct).fields  # type: ignore[attr-defined]
    )
