"""The main job in the real demonstration, with pictures on the way."""

from playwright.sync_api import Page, expect

from tests.e2e.conftest import choose_archive, sign_in
from tests.screenshots.camera import Camera
from tests.support.demo import RunningDemo

PDF_PAINTS_FOR = 2500
"""The browser's PDF reader does not say when it has painted."""


def take_tour(demo: RunningDemo, page: Page, camera: Camera) -> None:
    """Sign in, look at what the vendor has, import an archive that is refused, then the good one."""
    page.goto(demo.url)
    camera.take(page, "demo-portail")
    page.goto(f"{demo.url}/superviseur/")
    camera.take(page, "demo-connexion", dark=True)
    sign_in(page, demo)
    expect(page.get_by_role("heading", name="Tableau de bord")).to_be_visible()
    look_at_the_vendor(demo, page, camera)
    import_a_bad_one(demo, page, camera)
    import_the_good_one(demo, page, camera)
    for path in ("", "mises-a-jour/historique", "mises-a-jour/suivi/1/rapport", "sauvegardes", "tracabilite"):
        page.goto(f"{demo.url}/superviseur/{path}")
        camera.take(page, f"demo-apres-{path.rpartition('/')[2] or 'tableau'}", dark=path == "")
    page.goto(f"{demo.url}/superviseur/")
    camera.serve(page, "tableau-de-bord")


def look_at_the_vendor(demo: RunningDemo, page: Page, camera: Camera) -> None:
    """« Vérifier maintenant »."""
    page.goto(f"{demo.url}/superviseur/mises-a-jour/activation")
    page.get_by_role("button", name="Vérifier maintenant").click()
    expect(page.get_by_text("Vérification terminée.")).to_be_visible()
    expect(page.locator("#disponible")).to_contain_text("11.6.0")
    camera.take(page, "demo-activation", dark=True)
    page.goto(f"{demo.url}/superviseur/mises-a-jour/activation")
    camera.serve(page, "activation")


def import_a_bad_one(demo: RunningDemo, page: Page, camera: Camera) -> None:
    """One that is older than what is installed."""
    page.goto(f"{demo.url}/superviseur/mises-a-jour/import")
    choose_archive(page, demo.archive("downgrade"))
    expect(page.locator("#refus")).to_be_visible()
    camera.take(page, "demo-import-refuse")


def import_the_good_one(demo: RunningDemo, page: Page, camera: Camera) -> None:
    """From its choice to its end."""
    page.goto(f"{demo.url}/superviseur/mises-a-jour/import")
    choose_archive(page, demo.archive("good"))
    expect(page.locator("#notice iframe")).to_be_visible()
    expect(page.locator("#envoi-etat")).to_have_text("Reçu en entier")
    camera.take(page, "demo-import", dark=True, paints_for=PDF_PAINTS_FOR)
    camera.serve(page, "import", paints_for=PDF_PAINTS_FOR)
    portal = page.context.new_page()
    page.get_by_label("J'ai lu la notice").check()
    page.locator("#import-button").click()
    expect(page.locator("[data-phase=migrate]")).to_have_attribute("data-status", "doing")
    camera.serve(page, "suivi")
    portal.goto(demo.url)
    expect(portal.get_by_role("heading", name="Mise à jour en cours")).to_be_visible()
    camera.serve(portal, "maintenance")
    camera.take(portal, "demo-maintenance", dark=True)
    camera.take(page, "demo-suivi", dark=True)
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no")
    camera.take(page, "demo-suivi-reussie", dark=True)
    expect(portal.get_by_text("Version 11.6.0", exact=True)).to_be_visible()
    camera.serve(portal, "portail")
    portal.close()
