"""What users read holds to one typography and one vocabulary, wherever it comes from."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from demo.layout import REPOSITORY
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.typography import typeset, typeset_html
from ospi_supervisor.worker.notifications import message
from tests.support.pages import PAGES
from tests.support.site import Site, now

BREAKABLE = re.compile(r"(?<!\s) (?:[;!?»](?!\w)|:(?:\s|$)|(?:Go|Mo|ko|%)(?!\w))|« \S|« $")
LETTERS = ("code", "kbd", "pre", "script", "style", "svg", "textarea")
READ_OUT = ("alt", "aria-label", "placeholder", "title")
PATHS = ("connexion", *PAGES, "nulle-part")
SOURCES = ("ospi_supervisor", "jobs", "demo")
WORDS = {
    r"t[ée]l[ée]vers(?!ements(/|\b))": "envoi",
    r"\bupload": "envoi",
    r"\(s\)|\(e\)|\(x\)": "un pluriel accordé : « counted »",
    r"[a-zà-ÿ]\.\.\.(\s|$)": "…",
    r"Paramètres\s*[>→/\\-]\s*Général(?<!Paramètres / Général)": "Paramètres / Général",
    r"\bmails?\b(?![.@\]-])|\be-mails?\b": "courriel",
    r"’": "'",
    r"[\u00a0\u202f]": "une espace ordinaire : les pages et les courriels sont composés au départ",
    r"[a-zà-ÿ)»][;!?](\s|$)": "une espace avant ; ! ?",
    r"[a-zà-ÿ)»]:\s": "une espace avant :",
    r"«\S|[^\s]»": "une espace dans « »",
}
"""What no reader meets, and what stands in its place."""

FRENCH = re.compile(
    r"[àâçéèêëîïôûùœ«»]|\b(?:le|la|les|une|des|du|de|au|est|pas|ne|et|pour|dans|sur|vous|cette)\b", re.IGNORECASE
)


class Reader(HTMLParser):
    """The words of a page: texts beside what is copied letter by letter, and the attributes that are read out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._letters = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._letters += tag in LETTERS
        self.words += [value for name, value in attrs if name in READ_OUT and value]

    def handle_endtag(self, tag: str) -> None:
        self._letters -= tag in LETTERS

    def handle_data(self, data: str) -> None:
        if not self._letters:
            self.words.append(data)


def breakable(html: str) -> list[str]:
    """The words of a page of which a line could break where French breaks none."""
    return [words.strip() for words in Reader(html).words if BREAKABLE.search(words)]


def eventful(site: Site) -> None:
    """A locked version that needs an intervention, one under way, and lines to read."""
    number = site.update()
    site.phase(number, Phase.MIGRATE, PhaseStatus.FAILED)
    site.event(
        number, "log", Phase.MIGRATE, level="error", message="Le programme « 20-schema » a échoué : 3 ; pourquoi ?"
    )
    site.engine.set_failure(number, Phase.MIGRATE, "le programme « 20-schema » a échoué ; 12 Go sont pris")
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    site.engine.finish(number, UpdateStatus.INTERVENTION, now())


@pytest.mark.parametrize(
    "prepare", [lambda site: None, eventful, lambda site: site.update()], ids=["new", "bad", "busy"]
)
def test_no_page_breaks_a_line_before_its_punctuation(site: Site, prepare: object) -> None:
    assert callable(prepare)
    prepare(site)
    browser = site.browser()
    pages = {path: browser.client.get(f"/superviseur/{path}").text for path in PATHS}
    pages["stopped"] = browser.client.get("/superviseur/mises-a-jour/suivi/1/etat").text
    assert {path: found for path, text in pages.items() if (found := breakable(text))} == {}
    assert "\u00a0:" in pages[""]
    assert breakable("<p>Prêt ?</p>"), "and this test would see one"


def test_no_mail_breaks_a_line_before_its_punctuation(site: Site) -> None:
    eventful(site)
    update = site.operations.reader.update(1)
    assert update is not None
    mail = message(site.config, update, UpdateStatus.INTERVENTION, now(), "Version de sécurité, gravité haute")
    text = f"{mail['Subject']}\n{mail.get_content()}"
    assert "\u00a0:" in text
    assert [line for line in text.splitlines() if BREAKABLE.search(line)] == []


@pytest.mark.parametrize("name", ["index.html", "unavailable.html"])
def test_the_maintenance_pages_are_typeset_and_their_scripts_words_too(name: str) -> None:
    source = (REPOSITORY / "maintenance_page" / name).read_text(encoding="utf-8")
    assert breakable(typeset_html(source)) == []
    texts = re.findall(r': "([A-ZÉ][^"\n]*)"', source)
    assert [text for text in texts if BREAKABLE.search(text)] == []
    assert "\u2019" not in source


def read_words() -> Iterator[tuple[str, str]]:
    """Every text that users read, with its place: pages, scripts, messages of the program."""
    for path in sorted(REPOSITORY.glob("templates/**/*.html")) + sorted(
        REPOSITORY.glob("ospi_supervisor/publisher/**/*.html")
    ):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield from ((path.name, words) for words in Reader(re.sub(r"\{\{.*?\}\}", "X", text, flags=re.DOTALL)).words)
        yield from (
            (path.name, words) for words in re.findall(r'"([^"{}]+)"', " ".join(re.findall(r"\{\{.*?\}\}", text)))
        )
    for path in sorted(REPOSITORY.glob("static/js/*.js")):
        text = re.sub(r"^\s*(//|/?\*).*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        yield from (
            (path.name, words) for words in re.findall(r'"([^"\n]+)"|`([^`]+)`', text) for words in words if words
        )
    for folder in SOURCES:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield from ((str(path.relative_to(REPOSITORY)), words) for words in literals(path))


def literals(path: Path) -> Iterator[str]:
    """The texts of a module, its docstrings aside; the pieces of an f-string apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


NOT_READ = ("<!doctype", "CREATE TABLE", "(?", "[^", "\\u")
"""What a text holds that is no sentence: a page of its own, SQL, a pattern."""


def test_one_word_for_one_thing_and_one_apostrophe() -> None:
    found = [
        f"{place}: {words.strip()!r} ({instead})"
        for place, words in read_words()
        if FRENCH.search(words) and not any(part in words for part in NOT_READ)
        for pattern, instead in WORDS.items()
        if re.search(pattern, words)
    ]
    assert found == []


def test_texts_were_read() -> None:
    places = {place for place, _ in read_words()}
    assert {"base.html", "upload.js", "ospi_supervisor/domain/words.py"} <= places
    assert typeset("« a »") == "«\u00a0a\u00a0»"
