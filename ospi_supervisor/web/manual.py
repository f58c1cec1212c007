"""The documentation for administrators (`docs/*.md`), as parts of pages."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mistune

FOLDER = Path(__file__).resolve().parent.parent / "docs"
GUIDE = "guide-administrateur"
SERVED = {
    GUIDE: "Guide de l'administrateur",
    "sauvegardes": "Les sauvegardes",
    "reprise": "Reprise après un échec ou une coupure",
    "situations": "Ce que disent les pages",
    "situations-reseau": "Ce que fait le réseau",
    "configuration": "La configuration",
    "deploiement": "Mettre Superviseur sur un serveur",
    "accessibilite": "Accessibilité",
}
"""The documents that pages lead to, with their short titles; the others are for those who develop or publish."""


@dataclass(frozen=True)
class Document:
    """A document: its title, its sections (anchor and title), and the rest as HTML."""

    title: str
    sections: tuple[tuple[str, str], ...]
    html: str


@cache
def document(name: str, address: Callable[[str], str], picture: Callable[[str], str]) -> Document:
    """The document of that name. `address` gives where another one is read, `picture` where a picture is."""
    renderer = _Renderer(address, picture)
    parse = mistune.create_markdown(renderer=renderer, plugins=["table", "task_lists"])
    html = str(parse((FOLDER / f"{name}.md").read_text(encoding="utf-8")))
    return Document(renderer.title, tuple(renderer.sections), html)


def anchor(title: str) -> str:
    """The name of a section, as the usual viewers of Markdown make it from its title, without accents."""
    plain = unicodedata.normalize("NFKD", re.sub(r"<[^>]+>", "", title)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


class _Renderer(mistune.HTMLRenderer):
    """Markdown as our pages have it: titles to link to, tables that fold on a phone, code that the keyboard reaches."""

    def __init__(self, address: Callable[[str], str], picture: Callable[[str], str]) -> None:
        super().__init__(escape=True)
        self.title = ""
        self.sections: list[tuple[str, str]] = []
        self._address, self._picture = address, picture

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """The first is the page's own."""
        if level == 1:
            self.title = text
            return ""
        name = anchor(text)
        if level == 2:
            self.sections.append((name, text))
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """To a document that is served; what is not, is named only."""
        page, _, section = url.partition("#")
        if page.endswith(".md"):
            name = page.removesuffix(".md")
            if name not in SERVED:
                return text
            url = self._address(name) + (f"#{section}" if section else "")
        return super().link(text, url, title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture of `static/aide`, fetched when it comes into sight."""
        source = mistune.escape(self._picture(url.rpartition("/")[2]))
        return f'<img class="shot" src="{source}" alt="{mistune.escape(text)}" loading="lazy">'

    def block_code(self, code: str, info: str | None = None) -> str:
        """Commands to copy."""
        return f'<pre tabindex="0" aria-label="Commandes">{mistune.escape(code)}</pre>\n'

    def table(self, text: str) -> str:
        """One that scrolls by itself where it is too wide."""
        return f'<div class="table" role="region" aria-label="Tableau" tabindex="0"><table>\n{text}</table></div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        """Without styles of its own, which our policy refuses."""
        return f'<th scope="col">{text}</th>\n' if head else f"<td>{text}</td>\n"

    def task_list_item(self, text: str, checked: bool = False) -> str:
        """Something to tick, on the screen or on paper."""
        return f'<li class="task"><label class="check"><input type="checkbox"> <span>{text}</span></label></li>\n'
