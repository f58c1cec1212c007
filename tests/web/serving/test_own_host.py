"""Under its own host name the supervisor is served there alone, whatever stands beside it."""

import re

import msgspec
import pytest
from werkzeug.test import Client

from ospi_supervisor.config.tables import Config, parse_config
from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.web import create_app
from ospi_supervisor.web.serving.server import mount
from tests.support.site import Site

OWN = "https://superviseur.hopital.example"


def with_own_host(config: Config) -> Config:
    """The same with an origin of its own."""
    table = msgspec.structs.replace(config.supervisor, public_url=f"{OWN}/", secure_cookies=True)
    return msgspec.structs.replace(config, supervisor=table)


@pytest.fixture
def client(site: Site) -> Client:
    config = with_own_host(site.config)
    return Client(mount(create_app(config, site.operations, lambda: b""), config))


def test_pages_asked_for_by_another_name_lead_there(client: Client) -> None:
    answer = client.get("/superviseur/mises-a-jour/suivi?update=3&à=é", base_url="https://bi.hopital.example")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{OWN}/superviseur/mises-a-jour/suivi?update=3&%C3%A0=%C3%A9"
    assert client.get("/", base_url=OWN).headers["Location"] == f"{OWN}/superviseur/"


def test_what_is_sent_by_another_name_is_refused(client: Client) -> None:
    answer = client.post("/superviseur/connexion", base_url="https://bi.hopital.example", data={"password": "x"})
    assert answer.status_code == 421
    assert OWN in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8810", "bi.hopital.example"])
def test_programs_ask_the_process_by_any_name(client: Client, host: str) -> None:
    assert client.get("/superviseur/sante", base_url=f"http://{host}").status_code == 200


def test_the_cookie_is_that_hosts_alone(client: Client) -> None:
    cookie = client.get("/superviseur/connexion", base_url=OWN).headers["Set-Cookie"]
    assert re.match(r"__Host-ospi_superviseur=", cookie)
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_it_is_never_asked_for_in_clear_again(client: Client) -> None:
    answer = client.get("/superviseur/connexion", base_url=OWN)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("https://bi.hopital.example:8443/", "un autre hôte"),
        ("https://superviseur.hopital.example/chemin", "https://HÔTE/"),
        ("superviseur.hopital.example", "https://HÔTE/"),
    ],
)
def test_an_own_address_is_another_host_and_nothing_more(own: str, words: str) -> None:
    document = {
        "supervisor": {"state_dir": "/s", "public_url": own},
        "platform": {
            "product": "p",
            "name": "P",
            "root": "/p",
            "public_url": "https://bi.hopital.example/",
            "health_url": "http://127.0.0.1:9/health",
        },
        "maintenance": {"flag": "/m/flag", "page_dir": "/m/page"},
        "backup": {"directory": "/b"},
        "trust": {"root": "/r"},
    }
    with pytest.raises(ConfigurationError, match=words):
        parse_config(document)
