"""Spaces that no line breaks at, where French asks for them; and nothing else changes."""

import json
from pathlib import Path

import pytest

from ospi_supervisor.domain.typography import typeset, typeset_html

CASES: dict[str, str] = json.loads((Path(__file__).parents[1] / "data/typography.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("plain", CASES)
def test_words_are_typeset(plain: str) -> None:
    assert typeset(plain) == CASES[plain]
    assert typeset(CASES[plain]) == CASES[plain], "once is enough"


@pytest.mark.parametrize(
    ("html", "typeset_so"),
    [
        ("<p>Prêt ?</p>", "<p>Prêt\u202f?</p>"),
        ("<strong>requis</strong> : <em>8 Go</em>", "<strong>requis</strong>\u00a0: <em>8\u00a0Go</em>"),
        ("« <code>auto run</code> »", "«\u00a0<code>auto run</code>\u00a0»"),
        ("<pre>a ; b ? « c »</pre>", "<pre>a ; b ? « c »</pre>"),
        ("<code>a : b</code> : c", "<code>a : b</code>\u00a0: c"),
        ('<textarea name="x">a : b</textarea>', '<textarea name="x">a : b</textarea>'),
        ('<input value="a : b" aria-label="Prêt ?">', '<input value="a : b" aria-label="Prêt\u202f?">'),
        ("<script>a ? b : c</script>", "<script>a ? b : c</script>"),
        ("<!-- a : b -->", "<!-- a : b -->"),
        ("Quoi&nbsp;? &quot; : l&#39;a", "Quoi&nbsp;? &quot;\u00a0: l&#39;a"),
        ("1 < 2 : non > fermé", "1 < 2\u00a0: non > fermé"),
    ],
)
def test_pages_are_typeset_where_they_are_read(html: str, typeset_so: str) -> None:
    assert typeset_html(html) == typeset_so
