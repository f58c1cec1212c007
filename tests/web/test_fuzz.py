"""Whatever a client writes in a header or a field, the answer says what is wrong with it: never that we are."""

from datetime import datetime, timedelta, timezone
from urllib.parse import urljoin

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.site import Archives, Browser, Site
from tests.web.test_imports import JSON, NOTICE_READ, press_import

# One site serves all examples of a test: they are to leave nothing behind that changes the next answer.
ON_ONE_SITE = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30)
NUMBERS = st.sampled_from(["9" * 5000, "0" * 5000 + "1", "9" * 19, "-1", "1e3", "²"]) | st.integers().map(str)
HEADERS = {
    "Upload-Length": NUMBERS | LATIN,
    "Upload-Offset": NUMBERS | LATIN,
    "Upload-Metadata": st.builds("filename {}".format, LATIN) | LATIN,
    "Upload-Checksum": st.builds("{} {}".format, st.sampled_from(["sha1", "sha256", "md5"]), LATIN) | LATIN,
    "Content-Type": st.just("application/offset+octet-stream") | LATIN,
    "X-HTTP-Method-Override": st.sampled_from(["PATCH", "HEAD", "OPTIONS", "PUT"]) | LATIN,
    "Accept": LATIN,
}
USUAL = {"Upload-Length": "10", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))


def test_no_header_of_an_upload_breaks_the_server(admin: Browser) -> None:
    upload = admin.create(10**6)

    @ON_ONE_SITE
    @given(
        st.sampled_from([("POST", ""), ("POST", upload), ("PATCH", upload)]),
        st.fixed_dictionaries({}, optional=HEADERS),
    )
    def ask(what: tuple[str, str], headers: dict[str, str]) -> None:
        answer = admin.tus(*what, headers=USUAL | headers)
        assert answer.status_code < 500, answer.text
        assert answer.headers["Tus-Resumable"] == "1.0.0"

    ask()


def test_no_hour_breaks_the_server(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    hours = st.datetimes(timezones=st.none() | ZONES).map(datetime.isoformat)
    edges = st.sampled_from(
        ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "0001-01-01", "9999-12-31T23:59:59.999999"]
    )

    @ON_ONE_SITE
    @given(hours | edges | st.text(max_size=30).filter(str.strip))
    def ask(start_at: str) -> None:
        answer = press_import(admin, upload, NOTICE_READ | {"start_at": start_at}, headers=JSON)
        assert answer.status_code == 422, answer.text

    ask()


def test_whatever_a_link_says_the_way_after_sign_in_leads_to_no_other_host(site: Site) -> None:
    browser = site.browser(None)
    pieces = st.sampled_from(
        ["/", "//", "\\", "\r\n", "\t", "\0", "[", "]", "@", ":", "..", "é", "ailleurs.example", "superviseur"]
    )
    targets = st.lists(pieces | st.text(max_size=3), max_size=6).map("".join)

    @ON_ONE_SITE
    @given(targets | targets.map("/".__add__))
    def follow(target: str) -> None:
        answer = browser.sign_in("admin", next=target)
        assert answer.status_code == 303
        assert urljoin("http://ici.example/", answer.headers["Location"]).startswith("http://ici.example/")

    follow()
