"""Denied by default: every route and method, for everybody who is not an administrator."""

from collections.abc import Iterator

import pytest
from flask import Flask

from ospi_supervisor.web.serving.body_limits import TOO_LARGE_HEADER
from tests.support.site import PREFIX, Browser, Site

PUBLIC = {"auth.sign_in", "auth.sign_out", "api.alive", "api.metrics", "static"}


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Each endpoint, method and path (with some value for its arguments)."""
    for rule in app.url_map.iter_rules():
        arguments = dict.fromkeys(rule.arguments, 1 if "int:" in rule.rule else "x")
        with app.test_request_context():
            path = app.url_map.bind("", "/").build(rule.endpoint, arguments)
        for method in sorted(rule.methods or ()):
            yield rule.endpoint, method, path


def test_the_url_map_is_walked_whole(site: Site) -> None:
    endpoints = {endpoint for endpoint, _, _ in routes(site.app)}
    assert endpoints >= PUBLIC
    assert len(endpoints) > 20


def test_somebody_signed_out_gets_the_sign_in_page_everywhere(site: Site) -> None:
    browser = site.browser(None)
    for endpoint, method, path in routes(site.app):
        if endpoint in PUBLIC:
            continue
        response = browser.client.open(PREFIX + path, method=method, headers={"Accept": "text/html"})
        assert response.status_code == 303, (method, path)
        assert response.headers["Location"].startswith(f"{PREFIX}/connexion"), (method, path)


def test_a_program_signed_out_gets_401_everywhere(site: Site) -> None:
    browser = site.browser(None)
    for endpoint, method, path in routes(site.app):
        if endpoint not in PUBLIC:
            response = browser.client.open(PREFIX + path, method=method, headers={"Accept": "application/json"})
            assert response.status_code == 401, (method, path)


def test_an_ordinary_user_gets_403_everywhere(site: Site) -> None:
    browser = site.browser("infirmier")
    for endpoint, method, path in routes(site.app):
        if endpoint not in PUBLIC:
            for accept in ("text/html", "application/json", "*/*"):
                response = browser.client.open(PREFIX + path, method=method, headers={"Accept": accept})
                assert response.status_code == 403, (method, path, accept)


def test_refused_attempts_are_recorded(site: Site) -> None:
    site.browser("infirmier").get("tracabilite")
    line = site.operations.web.audit(1)[0]
    assert (line.actor, line.action, line.allowed) == ("infirmier", "accès refusé", False)


def test_a_refused_address_is_recorded_no_longer_than_it_helps(site: Site) -> None:
    site.browser("infirmier").get(f"tracabilite/{'x' * 10_000}")
    assert len(site.operations.web.audit(1)[0].detail) < 300


def test_an_administrator_gets_every_page(admin: Browser) -> None:
    pages = (
        "",
        "mises-a-jour/import",
        "mises-a-jour/suivi",
        "mises-a-jour/activation",
        "mises-a-jour/historique",
        "parametres/general",
        "support",
        "tracabilite",
    )
    for path in pages:
        assert admin.get(path).status_code == 200, path


def test_an_unknown_address_is_guarded_and_then_not_found(site: Site, admin: Browser) -> None:
    assert site.browser(None).get("nulle-part", headers={"Accept": "text/html"}).status_code == 303
    assert site.browser("infirmier").get("nulle-part").status_code == 403
    assert admin.get("nulle-part").status_code == 404


def test_nothing_is_served_outside_of_the_prefix(site: Site) -> None:
    assert site.browser(None).client.get("/connexion").status_code == 404


@pytest.mark.parametrize("path", ["connexion", "sante", "static/css/base.css", "support", "api/status"])
def test_every_answer_carries_the_security_headers(site: Site, admin: Browser, path: str) -> None:
    headers = admin.get(address_of(site, path), buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert ("no-store" in headers.get("Cache-Control", "")) == (not path.startswith("static/"))


def test_pages_hold_no_inline_script_or_style(admin: Browser) -> None:
    for path in (
        "",
        "mises-a-jour/import",
        "mises-a-jour/suivi",
        "mises-a-jour/activation",
        "parametres/general",
        "support",
        "tracabilite",
        "connexion",
    ):
        text = admin.get(path).text
        assert "<style" not in text, path
        assert "style=" not in text, path
        assert " onclick" not in text, path
        assert "<script>" not in text, path


def test_metrics_ask_for_their_own_token(site: Site) -> None:
    browser = site.browser(None)
    assert browser.get("metrics").status_code == 403
    assert browser.get("metrics", headers={"Authorization": "Bearer autre"}).status_code == 403
    given = browser.get("metrics", headers={"Authorization": "Bearer jeton-de-mesure"})
    assert given.status_code == 200
    assert "ospi_worker_up 0" in given.text


def test_health_is_public(site: Site) -> None:
    assert site.browser(None).get("sante").status_code == 200


def address_of(site: Site, path: str) -> str:
    """`path`; a static file's with the name of what the files hold."""
    return path.replace("static", str(site.app.static_url_path).lstrip("/"), 1) if path.startswith("static") else path


DROPPED = {TOO_LARGE_HEADER.replace("_", "-"): "1"}


@pytest.mark.parametrize("path", ["connexion", "deconnexion"])
def test_a_public_form_whose_body_was_not_kept_says_so(site: Site, path: str) -> None:
    browser = site.browser()
    answer = browser.post(path, headers=DROPPED | {"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"] if answer.json else None) == (413, "too_large")
    assert browser.get("api/status").status_code == 200, "nobody was signed out"


def test_an_administrators_form_whose_body_was_not_kept_says_what_to_do(admin: Browser) -> None:
    answer = admin.post("mises-a-jour/import", headers=DROPPED | {"Accept": "application/json"})
    assert answer.status_code == 413
    assert "ospi-supervisor import" in answer.text
    other = admin.post("parametres/general", headers=DROPPED | {"Accept": "application/json"})
    assert other.status_code == 413


def test_a_body_that_was_not_kept_lets_nobody_through(site: Site) -> None:
    headers = DROPPED | {"Accept": "application/json"}
    assert site.browser(None).post("parametres/general", headers=headers).status_code in (400, 401)
    assert site.browser("infirmier").post("parametres/general", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["static/js/session.js", "connexion", "support"])
def test_no_file_of_ours_becomes_a_service_worker(site: Site, admin: Browser, path: str) -> None:
    assert admin.get(address_of(site, path), headers={"Service-Worker": "script"}).status_code == 403
