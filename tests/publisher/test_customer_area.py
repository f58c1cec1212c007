"""The customer area: only who may, only what is theirs, by hand, by ranges and in a real browser."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ospi_supervisor.domain.sign_in import FROM_ONE
from ospi_supervisor.publisher.customer_area import app as area
from ospi_supervisor.publisher.customer_area.app import make_area
from ospi_supervisor.publisher.customer_area.customers import Customers
from ospi_supervisor.publisher.repository import Repository
from tests.support.archives import NOTICE
from tests.support.reading import plain_spaces

NOW = datetime.now(UTC)
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "publication.md"
SCREENSHOTS = Path(__file__).parents[2] / "test-results" / "screenshots"
FULL = "/telecharger/pmsipilot/pmsipilot-11.6.0.ospi"
DELTA = "/telecharger/pmsipilot/pmsipilot-11.5.0-to-11.6.0.ospi"
NOTICE_PATH = "/telecharger/pmsipilot/pmsipilot-11.6.0-notice.pdf"
OTHER = "/telecharger/autre/autre-2.0.0.ospi"
PRIVATE_PAGES = ["/", "/logiciels", FULL, DELTA, NOTICE_PATH, OTHER]


@pytest.fixture
def customers(vendor: Path, tmp_path: Path) -> Customers:
    """A copy of the customers, that a test may change."""
    path = tmp_path / "customers.json"
    path.write_bytes((vendor / "customers.json").read_bytes())
    return Customers(path)


@pytest.fixture
def app(vendor: Path, customers: Customers) -> Flask:
    return make_area(Repository(vendor / "repository"), customers)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return app.test_client()


def token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return found[1]


PASSWORD = "mot de passe"


def sign_in(visitor: FlaskClient, name: str = "chu-lyon", password: str = PASSWORD) -> TestResponse:
    form = {"username": name, "password": password, "csrf_token": token(visitor.get("/connexion"))}
    return visitor.post("/connexion", data=form)


@pytest.fixture
def lyon(visitor: FlaskClient) -> FlaskClient:
    assert sign_in(visitor).status_code == 303
    return visitor


@pytest.mark.parametrize("path", [*PRIVATE_PAGES, "/nowhere"])
def test_who_is_signed_out_is_sent_to_the_sign_in_page(visitor: FlaskClient, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 302
    assert answer.location == "/connexion"


def test_every_address_asks_for_a_sign_in_but_those_listed(app: Flask) -> None:
    """Walks the URL map, so that an address added tomorrow is denied until it is listed."""
    visitor = app.test_client()
    for rule in app.url_map.iter_rules():
        values = {name: "targets" if name == "folder" else "x" for name in rule.arguments}
        built = rule.build(values)
        assert built
        url = built[1]
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = visitor.open(url, method=method)
            is_denied = answer.status_code == 302 or (method == "POST" and answer.status_code == 400)
            assert is_denied == (rule.endpoint not in area.PUBLIC or method == "POST"), (url, method)


def test_a_customer_sees_its_products_only(lyon: FlaskClient) -> None:
    page = lyon.get("/logiciels").text
    assert "Mes logiciels" in page
    assert "Mise à jour PMSIpilot" in page
    assert "pmsipilot 11.6.0" in page
    assert "plateforme 1.0 ou supérieure, CentOS 7 ou Rocky Linux" in page
    assert "autre" not in page
    assert page.index("11.6.0") < page.index("pmsipilot 11.5.0")


def test_the_delta_for_the_customers_release_stands_beside_the_full_archive(lyon: FlaskClient) -> None:
    page = lyon.get("/logiciels").text
    assert FULL in page
    assert DELTA in page
    assert NOTICE_PATH in page
    assert "11.4.0" not in page
    assert "conseillé pour vous" in page


def test_all_deltas_are_offered_while_the_release_is_not_known(
    lyon: FlaskClient, customers: Customers, visitor: FlaskClient
) -> None:
    customers.put("chu-lyon", "mot de passe", {"pmsipilot": None})
    sign_in(visitor)
    page = visitor.get("/logiciels").text
    assert "Depuis la version 11.4.0" in page
    assert "Depuis la version 11.5.0" in page
    assert "conseillé pour vous" not in page


@pytest.mark.parametrize(("path", "status"), [(OTHER, 403), ("/telecharger/autre/x", 403), (f"{FULL}x", 404)])
def test_what_is_not_the_customers_is_denied(lyon: FlaskClient, path: str, status: int) -> None:
    answer = lyon.get(path)
    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_another_customer_gets_its_own_and_nothing_else(visitor: FlaskClient) -> None:
    sign_in(visitor, "clinique", "autre secret")
    assert visitor.get(OTHER, buffered=True).status_code == 200
    for path in (FULL, DELTA, NOTICE_PATH):
        assert visitor.get(path).status_code == 403


@pytest.mark.parametrize(
    ("name", "password"), [("chu-lyon", "autre secret"), ("inconnu", "mot de passe"), ("chu-lyon", ""), ("", "")]
)
def test_wrong_credentials(visitor: FlaskClient, name: str, password: str) -> None:
    answer = sign_in(visitor, name, password)
    assert answer.status_code == 403
    assert "Identifiant ou mot de passe inconnu" in answer.text
    assert visitor.get("/logiciels").status_code == 302


def test_its_pages_are_typeset_too(visitor: FlaskClient) -> None:
    assert "Pas d'identifiant\u202f?" in visitor.get("/connexion").text
    sign_in(visitor)
    page = visitor.get("/logiciels").text
    assert "attendu\u202f?" in page
    assert " ?" not in page


def test_too_many_failures_are_throttled(visitor: FlaskClient) -> None:
    usual = visitor.application.test_client()
    sign_in(usual)
    usual.post("/deconnexion", data={"csrf_token": token(usual.get("/logiciels"))})
    for _ in range(FROM_ONE - 1):
        assert sign_in(visitor, password="wrong").status_code == 403
    answer = sign_in(visitor)
    assert answer.status_code == 429
    assert "Trop d&#39;essais infructueux ; réessayez dans 15 minutes" in plain_spaces(answer.text)
    assert int(answer.headers["Retry-After"]) > 800
    assert sign_in(visitor, "clinique", "autre secret").status_code == 429, "the address guesses, whatever the name"
    assert sign_in(usual).status_code == 303, "whoever signed in from this browser before is not kept out"


@pytest.mark.parametrize("path", ["/connexion", "/deconnexion"])
def test_a_form_of_another_site_is_refused(lyon: FlaskClient, path: str) -> None:
    form = {"username": "clinique", "password": "autre secret", "csrf_token": "forged"}
    assert lyon.post(path, data=form).status_code == 400
    assert "chu-lyon" in lyon.get("/logiciels").text


def test_signing_out_ends_a_copied_cookie_too(app: Flask, lyon: FlaskClient) -> None:
    cookie = lyon.get_cookie("espace_utilisateur")
    assert cookie is not None
    lyon.post("/deconnexion", data={"csrf_token": token(lyon.get("/logiciels"))})
    thief = app.test_client()
    thief.set_cookie("espace_utilisateur", cookie.value)
    assert thief.get("/logiciels").status_code == 302


@pytest.mark.parametrize("change", ["password", "removal"])
def test_a_changed_password_or_a_removal_ends_the_sessions(
    lyon: FlaskClient, customers: Customers, change: str
) -> None:
    if change == "password":
        customers.put("chu-lyon", "un nouveau secret", {"pmsipilot": "11.5.0"})
    else:
        customers.remove("chu-lyon")
    assert lyon.get("/logiciels").status_code == 302


def test_the_cookie_is_hardened_and_secure_over_tls(app: Flask) -> None:
    cookies = {
        scheme: app.test_client().get("/connexion", base_url=f"{scheme}://vendor/").headers["Set-Cookie"]
        for scheme in ("http", "https")
    }
    assert "Secure" in cookies["https"]
    assert "Secure" not in cookies["http"]
    for cookie in cookies.values():
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_pages_forbid_scripts_and_frames(lyon: FlaskClient) -> None:
    answer = lyon.get("/logiciels")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_archive_is_saved_as_it_is_and_a_notice_opens(vendor: Path, lyon: FlaskClient) -> None:
    archive = lyon.get(FULL, buffered=True)
    assert archive.data == (vendor / "built" / "pmsipilot-11.6.0.ospi").read_bytes()
    assert archive.mimetype == "application/octet-stream"
    assert archive.headers["Content-Disposition"] == "attachment; filename=pmsipilot-11.6.0.ospi"
    notice = lyon.get(NOTICE_PATH, buffered=True)
    assert notice.data == NOTICE
    assert notice.mimetype == "application/pdf"
    assert notice.headers["Content-Disposition"].startswith("inline")


def test_a_download_is_resumed(lyon: FlaskClient) -> None:
    whole = lyon.get(FULL, buffered=True)
    rest = lyon.get(FULL, buffered=True, headers={"Range": "bytes=1000-", "If-Range": whole.headers["ETag"]})
    assert rest.status_code == 206
    assert rest.data == whole.data[1000:]
    other = lyon.get(FULL, buffered=True, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert other.status_code == 200


def test_nginx_sends_the_file_where_it_fronts_the_area(vendor: Path, customers: Customers) -> None:
    visitor = make_area(Repository(vendor / "repository"), customers, accel="/interne/").test_client()
    sign_in(visitor)
    answer = visitor.get(FULL)
    assert answer.data == b""
    assert re.fullmatch(
        r"/interne/pmsipilot/[0-9a-f]{64}\.pmsipilot-11\.6\.0\.ospi", answer.headers["X-Accel-Redirect"]
    )
    assert answer.headers["Content-Disposition"] == "attachment; filename=pmsipilot-11.6.0.ospi"
    assert "X-Accel-Redirect" not in visitor.get(OTHER).headers


def test_a_file_that_vanished_is_not_found(vendor: Path, app: Flask, lyon: FlaskClient, tmp_path: Path) -> None:
    app.extensions["area"].repository.targets = tmp_path
    assert lyon.get(FULL, buffered=True).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/repository/targets/../../keys/root.json", "/repository/.lock", "/repository/metadata/.lock", "/repository/"],
)
def test_the_repository_shows_its_two_folders_only(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(path).status_code in (302, 404)


@pytest.fixture
def private(vendor: Path, customers: Customers) -> FlaskClient:
    return make_area(Repository(vendor / "repository"), customers, private=True).test_client()


def test_archives_that_are_private_are_for_customers_of_their_product(private: FlaskClient, vendor: Path) -> None:
    offers = {offer.filename: offer for offer in Repository(vendor / "repository").offers()}
    address = f"/repository/targets/{offers['pmsipilot-11.6.0.ospi'].stored_path}"
    refused = private.get(address)
    assert refused.status_code == 401
    assert refused.www_authenticate.type == "basic"
    with private.get("/repository/metadata/timestamp.json") as public:
        assert public.status_code == 200
    assert private.get(address, auth=("chu-lyon", "mot de passe faux")).status_code == 401
    assert private.get(address, auth=("clinique", "autre secret")).status_code == 401
    for _ in range(3):
        with private.get(address, auth=("chu-lyon", "mot de passe")) as given:
            assert (given.status_code, given.headers["Cache-Control"]) == (200, "private, max-age=31536000, immutable")


def test_what_never_changes_is_kept_and_what_does_is_asked_for(visitor: FlaskClient, vendor: Path) -> None:
    offer = Repository(vendor / "repository").offers()[0]
    kept = [f"/repository/targets/{offer.stored_path}", "/repository/metadata/1.root.json"]
    for path in kept:
        with visitor.get(path) as answer:
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with visitor.get("/repository/metadata/timestamp.json") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
    absent = visitor.get("/repository/metadata/99.root.json")
    assert (absent.status_code, absent.headers["Cache-Control"]) == (404, "no-store")
