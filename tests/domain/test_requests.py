"""What may be asked is defined once, and the kinds' names are written nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.domain.requests import ASKED, Cancel, Import, MakeBackup, Source
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.request_codec import decode, encode
from tests.support.engine import now

PACKAGE = Path(__file__).parents[2] / "ospi_supervisor"
DEFINITION = "domain/requests.py"
HOMONYMS = {
    "backup": {
        "cli.py": "the command",
        "commands/backups.py": "the command",
        "domain/lifecycle.py": "the phase",
        "store/topics.py": "what is published of the backups",
    },
    "cancel": {"domain/situation_terms.py": "a step that is offered"},
    "go_back": {"domain/validation.py": "what is decided", "domain/situation_terms.py": "a step that is offered"},
    "import": {"commands/updates.py": "the command", "domain/situation_terms.py": "a step that is offered"},
    "open": {
        "domain/validation.py": "what is decided",
        "commands/validation.py": "the command",
        "hands/uploads.py": "a hand's operation",
        "domain/situation_terms.py": "a step that is offered",
    },
    "resume": {"domain/situation_terms.py": "a step that is offered"},
    "setting": {
        "commands/automatic.py": "a key of the documented JSON",
        "domain/eligibility.py": "the rule",
        "operations/automatic.py": "a key of the documented JSON",
    },
}
"""Where a kind's word means something else."""


def words(file: Path) -> Iterator[str]:
    """The texts in a module that are used as such: docstrings aside."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_kind_of_request_is_written_outside_its_definition() -> None:
    kinds = {asked.kind for asked in ASKED}
    assert len(kinds) == len(ASKED)
    modules = sorted(path for path in PACKAGE.rglob("*.py") if "publisher" not in path.parts)
    assert len(modules) > 100
    found = {
        (name, word)
        for path in modules
        if (name := path.relative_to(PACKAGE).as_posix()) != DEFINITION
        for word in words(path)
        if word in kinds and name not in HOMONYMS.get(word, {})
    }
    assert not found


def test_each_kind_comes_back_as_it_went() -> None:
    for asked in (
        Import(upload_id="ab", notice_read_at=now(), start_at=now(), version="11.6.0"),
        Cancel(update_id=3),
        MakeBackup(),
    ):
        assert decode(asked.kind, encode(asked)) == asked


@pytest.mark.parametrize(
    ("kind", "payload", "problem"),
    [
        ("format", {}, "inconnue"),
        ("cancel", [], "illisible"),
        ("cancel", {}, "illisible"),
        ("cancel", {"update_id": 0}, "illisible"),
        ("cancel", {"update_id": 2**63}, "illisible"),
        ("unlock", {"code": "x" * 1001}, "illisible"),
        ("import", {"upload_id": "../x"}, "illisible"),
        ("import", {"upload_id": "ab", "start_at": "2030-01-01T00:00:00"}, "illisible"),
        ("import", {"upload_id": "ab", "start_at": "9999-12-31T23:59:59-14:00"}, "illisible"),
    ],
)
def test_what_nobody_can_mean_is_refused(kind: str, payload: object, problem: str) -> None:
    with pytest.raises(RefusedError, match=problem):
        decode(kind, payload)


def test_the_ways_in_have_words() -> None:
    from ospi_supervisor.web.labels import SOURCE_LABELS

    assert set(SOURCE_LABELS) == set(Source)
