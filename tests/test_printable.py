"""No name drives a terminal or shows as another one, wherever it is shown."""

import json
import logging

import pytest
from flask import Flask, render_template_string

from ospi_supervisor.errors import RefusedError, on_one_line, printable, printable_json
from ospi_supervisor.system.console import ErrorLine
from ospi_supervisor.system.journal import PlainFormatter
from ospi_supervisor.web import labels

HOSTILE = "archive\u202eipso.exe\x1b[2J\x9b\u2066\u200e\udcff\u2028fin"
SHOWN = r"archive\u202eipso.exe\x1b[2J\x9b\u2066\u200e\xff\u2028fin"


def test_control_and_bidirectional_characters_are_escaped() -> None:
    assert printable(HOSTILE) == SHOWN
    assert on_one_line("a\nb\tc") == r"a\nb\tc"


@pytest.mark.parametrize("text", ["", "ligne\n\tsuite", "« Été » : 5\u202f000 œufs\u00a0!", "Ωμέγα العربية 日本 😀"])
def test_text_stays_what_it_is(text: str) -> None:
    assert printable(text) == text


def test_errors_pages_logs_and_the_shell_show_names_so() -> None:
    app = Flask("shown")
    labels.init_app(app)
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (HOSTILE,), None)

    assert str(RefusedError(HOSTILE)) == SHOWN
    assert ErrorLine("outil", HOSTILE).message == SHOWN
    assert PlainFormatter().format(record).endswith(SHOWN)
    with app.app_context():
        assert render_template_string("{{ name }}<i>{{ '<' }}</i>", name=HOSTILE) == SHOWN + "<i>&lt;</i>"


def test_a_json_document_keeps_the_very_names() -> None:
    document = json.dumps({"é": HOSTILE}, ensure_ascii=False)

    assert "\u202e" not in printable_json(document)
    assert json.loads(printable_json(document)) == {"é": HOSTILE}
