"""The documents that programs read, and an update's events by polling and as a stream."""

import re
from typing import Any

import pytest

from ospi_supervisor.administration.checks import run_checks
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.web.api import UPDATES
from tests.support.engine import UNASKED
from tests.support.site import Archives, Browser, Site, now

JSON = {"Accept": "application/json"}
STREAM = {"Accept": "text/event-stream"}


def test_status(site: Site, admin: Browser) -> None:
    document = admin.get("api/status").json
    assert document == {
        "product": "portail-bi",
        "version": "11.5.0",
        "worker": "down",
        "maintenance": False,
        "update": None,
        "restoration": None,
        "waiting": None,
        "lock": None,
    }
    site.engine.beat(now(), 1)
    number = site.update()
    site.config.maintenance.flag.touch()
    document = admin.get("api/status").json or {}
    assert (document["worker"], document["maintenance"], document["update"]) == ("up", True, number)


def test_updates(site: Site, admin: Browser) -> None:
    number = site.update(UpdateStatus.SUCCEEDED)
    [row] = admin.get("api/updates").json or []
    assert (row["id"], row["status"], row["from"], row["to"]) == (number, "succeeded", "11.5.0", "11.6.0")
    assert (row["source"], row["requested_by"]) == ("import", "admin")
    assert {"queued_at", "started_at", "ended_at"} <= set(row)
    phases = (admin.get(f"api/updates/{number}").json or {})["phases"]
    assert [phase["name"] for phase in phases] == [phase.value for phase in UNASKED]
    assert {"name", "status", "started_at", "ended_at", "percent"} <= set(phases[0])
    assert admin.get("api/updates/99", headers=JSON).status_code == 404


def test_updates_come_page_by_page(site: Site, admin: Browser) -> None:
    numbers = [site.update(UpdateStatus.SUCCEEDED) for _ in range(UPDATES + 1)]
    first = admin.get("api/updates")
    assert [row["id"] for row in first.json or []] == numbers[:0:-1]
    link = re.fullmatch(r'</superviseur/(api/updates\?before=\d+)>; rel="next"', first.headers["Link"])
    assert link is not None
    last = admin.get(link[1])
    assert [row["id"] for row in last.json or []] == numbers[:1]
    assert "Link" not in last.headers
    assert admin.get("api/updates?before=hier", headers=JSON).status_code == 400


def test_events_by_polling(site: Site, admin: Browser) -> None:
    number = site.update()
    site.event(number, "log", Phase.VERIFY, level="info", message="bonjour")
    first = admin.get(f"api/updates/{number}/events", headers=JSON).json or {}
    assert [event["event"] for event in first["events"]] == ["phase", "log"]
    assert first["events"][1]["data"]["message"] == "bonjour"
    assert first["last"] == first["events"][-1]["id"]
    again = admin.get(f"api/updates/{number}/events?after={first['last']}", headers=JSON).json
    assert again == {"events": [], "last": first["last"]}


def test_events_as_a_stream_that_ends(site: Site, admin: Browser) -> None:
    number = site.update(UpdateStatus.SUCCEEDED)
    response = admin.get(f"api/updates/{number}/events", headers=STREAM)
    assert response.mimetype == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-store"
    text = response.text
    assert text.startswith("retry: ")
    assert "event: phase\ndata: {" in text
    assert "event: end\n" in text


def test_a_client_that_comes_back_resumes_where_it_was(site: Site, admin: Browser) -> None:
    number = site.update()
    first = (admin.get(f"api/updates/{number}/events", headers=JSON).json or {})["last"]
    site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    site.engine.finish(number, UpdateStatus.FAILED, now())
    site.event(number, "end", Phase.STAGE, status="failed")
    headers = STREAM | {"Last-Event-ID": str(first)}
    text = admin.get(f"api/updates/{number}/events?after=0", headers=headers).text
    assert [line for line in text.splitlines() if line.startswith("id: ")] == [f"id: {first + 1}", f"id: {first + 2}"]


def test_after_the_end_there_is_nothing_to_come_back_for(site: Site, admin: Browser) -> None:
    number = site.update(UpdateStatus.SUCCEEDED)
    last = (admin.get(f"api/updates/{number}/events", headers=JSON).json or {})["last"]
    response = admin.get(f"api/updates/{number}/events", headers=STREAM | {"Last-Event-ID": str(last)})
    assert response.status_code == 204


@pytest.mark.parametrize("after", ["-1", "tout", "²", "9223372036854775808", "9" * 5000])
def test_a_number_that_is_none_is_refused(site: Site, admin: Browser, after: str) -> None:
    number = site.update()
    for headers in (JSON, STREAM):
        assert admin.get(f"api/updates/{number}/events?after={after}", headers=headers).status_code == 400
        last = headers | {"Last-Event-ID": after}
        if after.isascii():
            assert admin.get(f"api/updates/{number}/events", headers=last).status_code == 400


def test_beyond_the_cap_the_client_is_told_to_poll(site: Site, admin: Browser) -> None:
    number = site.update()
    site.app.extensions["ospi_supervisor"].broadcaster._max_streams = 0
    response = admin.get(f"api/updates/{number}/events", headers=STREAM)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"


def test_asking_for_the_head_of_a_stream_takes_none(site: Site, admin: Browser) -> None:
    number, broadcaster = site.update(), site.app.extensions["ospi_supervisor"].broadcaster
    broadcaster._max_streams = 0
    head = admin.send("HEAD", f"api/updates/{number}/events", STREAM)
    assert (head.status_code, head.mimetype) == (200, "text/event-stream")
    assert admin.send("HEAD", "api/updates/99/events", STREAM).status_code == 404


def test_a_stream_whose_client_left_before_its_first_byte_is_free_again(site: Site, admin: Browser) -> None:
    number, broadcaster = site.update(), site.app.extensions["ospi_supervisor"].broadcaster
    answering: Any = admin.client.application
    seen = []

    def never_read(environ: Any, start_response: Any) -> list[bytes]:
        body = answering(environ, start_response)
        seen.append(broadcaster.streams)
        body.close()
        return []

    admin.client.application = never_read
    admin.get(f"api/updates/{number}/events", headers=STREAM)
    assert (seen, broadcaster.streams) == ([1], 0)


def test_an_empty_token_opens_metrics_to_nobody_and_the_check_says_so(site: Site) -> None:
    token = site.folder / "metrics-token"
    token.chmod(0o600)
    adapters = make_adapters(site.config)

    def levels() -> list[Grade]:
        return [finding.level for finding in run_checks(site.config, adapters) if finding.check == "secrets"]

    assert levels() == [Grade.OK]
    token.write_text(" \n")
    browser = site.browser(None)
    for given in ({}, {"Authorization": "Bearer "}, {"Authorization": ""}):
        assert browser.get("metrics", headers=given).status_code == 403
    assert Grade.ERROR in levels()


def test_the_check_names_a_folder_of_roots_that_others_can_change(site: Site) -> None:
    adapters, page = make_adapters(site.config), site.config.maintenance.page_dir

    def found() -> list[str]:
        return [finding.message for finding in run_checks(site.config, adapters) if finding.level is Grade.ERROR]

    page.mkdir(parents=True, exist_ok=True)
    assert not any("par un autre compte" in message for message in found())
    page.chmod(0o777)
    assert any(f"{page} peut être changé par un autre compte" in message for message in found())


def test_an_upload_of_the_contract(admin: Browser, archives: Archives) -> None:
    document = admin.document(admin.upload(archives.good))
    named = {"id", "filename", "size", "offset", "verdict", "reasons", "release", "prerequisites", "notice_read"}
    assert named <= set(document)
    assert (document["verdict"], document["reasons"], document["notice_read"]) == ("accepted", [], False)
