"""« Aide »: every page leads to its own section, every link of the guide leads somewhere, every picture is there."""

import re
from html.parser import HTMLParser

import pytest

from demo.layout import REPOSITORY
from ospi_supervisor.web.help_pages import SECTIONS
from ospi_supervisor.web.manual import GUIDE, SERVED, anchor
from tests.support.site import Browser, Site

DOCS = REPOSITORY / "docs"
SEED_ANSWERS = (
    "Espace utilisateur",
    "icône jaune",
    "04 26 10 06 36",
    "Ne décompressez pas",
    "administration system",
    "roue crantée",
    "une à plusieurs heures",
    "ne relancez jamais une mise à jour",
    "10.0.0",
    "4 cœurs",
    "8 Go",
    "16 Go",
    "30 %",
    "api.pmsipilot.com",
    "api.r9-pmsipilot.com",
    "minuit",
    "11.5",
    "update.auto.disable",
    "Paramètres \\ Général",
    "/superviseur",
)
"""What the vendor's own documentation answers."""


class Page(HTMLParser):
    """A page's anchors, and where it leads within the help."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.undescribed: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors.add(found.get("id") or "")
        if tag == "a" and (found.get("href") or "").startswith(("/superviseur/aide", "#")):
            self.links.append(found["href"] or "")
        if tag == "img" and "aide/" in (found.get("src") or ""):
            self.pictures.append(found["src"] or "")
            self.undescribed += [] if found.get("alt") else [found["src"] or ""]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def pages(admin: Browser) -> dict[str, Page]:
    """Every document, by its address."""
    addresses = {"aide" if name == GUIDE else f"aide/{name}" for name in SERVED}
    return {address: Page(admin.get(address).text) for address in addresses}


def test_every_link_and_picture_of_the_help_is_there(admin: Browser, pages: dict[str, Page]) -> None:
    assert pages["aide"].pictures
    for address, page in pages.items():
        for link in page.links:
            target, _, section = link.partition("#")
            leads_to = target.removeprefix("/superviseur/") or address
            assert leads_to in pages, link
            assert section in pages[leads_to].anchors | {""}, f"{address}: {link}"
        for picture in page.pictures:
            assert admin.client.get(picture, buffered=True).status_code == 200, picture


def test_the_guide_answers_what_the_vendors_documentation_answers(pages: dict[str, Page]) -> None:
    said = " ".join(pages["aide"].text.split())
    assert [answer for answer in SEED_ANSWERS if answer not in said] == []


def test_every_page_leads_to_its_section(site: Site, admin: Browser, pages: dict[str, Page]) -> None:
    site.update()
    assert set(SECTIONS.values()) <= pages["aide"].anchors
    for path, section in {
        "": "tableau-de-bord",
        "mises-a-jour/import": "installer-une-mise-a-jour",
        "mises-a-jour/suivi": "suivre",
        "mises-a-jour/suivi/1/rapport": "suivre",
        "mises-a-jour/historique": "historique",
        "mises-a-jour/activation": "mise-a-jour-automatique",
        "sauvegardes": "sauvegardes",
        "parametres/general": "parametres",
        "parametres/messages": "parametres",
        "support": "si-elle-echoue",
        "tracabilite": "tracabilite",
    }.items():
        text = admin.get(path, headers={"Accept": "text/html"}).text
        assert f'class="page-help no-print" href="/superviseur/aide#{section}"' in text, path


def test_the_help_asks_for_a_sign_in_as_any_other_page(site: Site) -> None:
    assert site.browser(None).get("aide", headers={"Accept": "text/html"}).status_code == 303
    assert site.browser("infirmier").get("aide").status_code == 403
    assert site.browser().get("aide/publication").status_code == 404


def test_the_checklist_can_be_ticked_and_tables_have_heads(admin: Browser) -> None:
    guide = admin.get("aide").text
    assert guide.count('<input type="checkbox">') == len(
        re.findall(r"^- \[ \]", (DOCS / f"{GUIDE}.md").read_text(), re.M)
    )
    assert '<th scope="col">' in guide
    assert "style=" not in guide


def test_every_picture_of_the_help_is_described(pages: dict[str, Page]) -> None:
    assert [page.undescribed for page in pages.values() if page.undescribed] == []


def test_sections_are_named_after_their_titles() -> None:
    assert anchor("Installer une mise à jour") == "installer-une-mise-a-jour"
    assert anchor("Le <code>make</code> d'été, n° 2") == "le-make-d-ete-n-2"
