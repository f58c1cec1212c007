"""Several questions to PostgreSQL, asked of one psql: each has its own answer."""

import pytest

from ospi_supervisor.backup import psql
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Case

pytestmark = pytest.mark.system

TWO_LINES = "SELECT n FROM generate_series(1, 2) n;"
NOTHING = "SELECT 1 WHERE false;"
SAID = "SELECT format('SELECT %L', :'word') \\gexec"


def test_each_question_has_its_answer(case: Case) -> None:
    asked = (NOTHING, TWO_LINES, SAID, "SET work_mem = '8MB';", "SELECT current_database();", NOTHING)
    answers = case.driver.client.ask_each(asked, word="l'été", database="postgres")
    assert answers == [[], ["1", "2"], ["l'été"], [], ["postgres"], []]


def test_what_follows_one_that_fails_is_not_asked(case: Case) -> None:
    with pytest.raises(BackupError, match=r"base « pmsi » : « psql » a échoué : .*division by zero"):
        case.driver.client.ask_each((TWO_LINES, "SELECT 1 / 0;", "DROP SCHEMA pmsi CASCADE;"))
    assert case.driver.client.ask("SELECT nombre FROM pmsi.total;") == ["20000"]


@pytest.mark.parametrize("said", ["", "une ligne\n", "{end}\n", "{end}\n{end}\nune ligne\n", "{end}\n{end}\n{end}\n"])
def test_a_program_that_does_not_answer_each_is_not_believed(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    def run(*_: object, given: str, **__: object) -> str:
        return said.format(end=given.split()[-1])

    monkeypatch.setattr(psql, "run", run)
    with pytest.raises(BackupError, match="n'a pas répondu à tout"):
        psql.Client("base", "postgresql:///base", None).ask_each((NOTHING, NOTHING))
