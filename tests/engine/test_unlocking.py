"""Engine rule 8: a version that failed is released by the support's code alone, once, for that failure."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.unlock import encode_code, parse_challenge
from ospi_supervisor.store.web_rows import RequestRow
from tests.engine.test_requests import answer, importing, requests_of
from tests.support.engine import SUPPORT_KEY, Bench, Faults, fail, now

ROLLED_BACK: Faults = {"do migrate": fail}
STOPPED: Faults = {"do migrate": fail, "undo migrate": fail}


def unlocking(number: int, code: object) -> RequestRow:
    return RequestRow(
        id=number, kind="unlock", payload={"code": code}, source="import", requested_by="bob", requested_at=now()
    )


def failed(bench: Bench, faults: Faults = ROLLED_BACK, *, version: str = "11.6.0") -> None:
    """One more update that failed."""
    bench.admit()
    bench.run(faults, version=version)


def refusal(bench: Bench, number: int, code: object) -> str:
    requests_of(bench).answer(unlocking(number, code))
    found = answer(bench, number)
    assert not found["accepted"]
    return str(found["message"])


def test_the_supports_code_releases_the_version_and_the_journal_says_so(bench: Bench) -> None:
    failed(bench)
    assert bench.locked_versions() == ["11.6.0"]
    requests_of(bench).answer(unlocking(1, bench.code()))
    assert answer(bench, 1) == {"accepted": True, "message": "", "update_id": 1}
    assert bench.locked_versions() == []
    assert bench.journal("warning")[-1] == "Version 11.6.0 débloquée par le code du support, donné par bob."
    bench.admit()
    bench.run()
    assert bench.status(2) is UpdateStatus.SUCCEEDED


def test_a_code_serves_once(bench: Bench) -> None:
    failed(bench)
    code = bench.code()
    requests_of(bench).answer(unlocking(1, code))
    failed(bench)  # the same version fails again: another failure, which the old code does not release
    assert "a déjà servi" in refusal(bench, 2, code)
    assert bench.locked_versions() == ["11.6.0"]
    requests_of(bench).answer(unlocking(3, bench.code()))
    assert bench.locked_versions() == []


def test_a_code_given_twice_says_twice_that_the_version_is_released(bench: Bench) -> None:
    failed(bench)
    code = bench.code()
    for number in (1, 2):
        requests_of(bench).answer(unlocking(number, code))
        assert answer(bench, number) == {"accepted": True, "message": "", "update_id": 1}
    assert bench.locked_versions() == []
    assert len([line for line in bench.journal("warning") if "débloquée" in line]) == 1


def test_a_code_given_twice_releases_no_other_failure(bench: Bench) -> None:
    failed(bench, version="11.5.9")
    failed(bench, version="11.6.0")
    code = bench.code(0)
    for number in (1, 2):
        requests_of(bench).answer(unlocking(number, code))
    assert bench.locked_versions() == ["11.6.0"]


def test_of_two_locked_versions_a_code_releases_its_own(bench: Bench) -> None:
    failed(bench, version="11.5.9")
    failed(bench, version="11.6.0")
    requests_of(bench).answer(unlocking(1, bench.code(0)))
    assert bench.locked_versions() == ["11.6.0"]


def test_no_other_code_releases_anything(bench: Bench) -> None:
    failed(bench)
    challenge = parse_challenge(bench.reader().locks()[0]["challenge"])
    sign = SUPPORT_KEY.sign
    codes = {
        "another key": Ed25519PrivateKey.generate().sign(challenge.signed_text),
        "another failure": sign(replace(challenge, nonce="0" * 20).signed_text),
        "another update": sign(replace(challenge, update_id=2).signed_text),
        "another version": sign(replace(challenge, version="11.6.1").signed_text),
        "another purpose": sign(str(challenge).encode()),
        "nothing": bytes(64),
    }
    for number, signature in enumerate(codes.values(), 1):
        assert "ne répond à aucune demande" in refusal(bench, number, encode_code(signature))
    assert bench.locked_versions() == ["11.6.0"]


@pytest.mark.parametrize(("code", "words"), [("AB", "mal recopié"), (None, "illisible"), ("A" * 1001, "illisible")])
def test_what_is_no_code_is_refused(bench: Bench, code: object, words: str) -> None:
    failed(bench)
    assert words in refusal(bench, 1, code)


def test_without_the_supports_key_nothing_is_released(bench: Bench) -> None:
    failed(bench)
    requests = requests_of(bench)
    replace(requests, unlocking=replace(requests.unlocking, is_signed=None)).answer(unlocking(1, bench.code()))
    assert "trust.support_key" in answer(bench, 1)["message"]


def test_after_an_intervention_release_and_health_must_agree(bench: Bench) -> None:
    failed(bench, STOPPED)
    assert bench.status() is UpdateStatus.INTERVENTION
    (bench.folder / "trouble").write_text("la plateforme annonce 11.6.0 au lieu de 11.5.0", encoding="utf-8")
    words = refusal(bench, 1, bench.code())
    assert "annonce 11.6.0 au lieu de 11.5.0" in words
    assert bench.locked_versions() == ["11.6.0"]
    (bench.folder / "trouble").unlink()
    requests_of(bench).answer(unlocking(2, bench.code()))
    assert answer(bench, 2)["accepted"]
    requests_of(bench).answer(importing(3))
    bench.run()
    assert bench.status(2) is UpdateStatus.SUCCEEDED
    assert bench.status(1) is UpdateStatus.INTERVENTION


def test_a_code_is_not_spent_on_an_update_under_way(bench: Bench) -> None:
    failed(bench, STOPPED)
    code = bench.code()
    bench.store().resume(1)
    assert "est en cours" in refusal(bench, 1, code)
    bench.run()
    requests_of(bench).answer(unlocking(2, code))
    assert bench.locked_versions() == []


def test_a_scheduled_update_does_not_begin_while_an_intervention_is_awaited(bench: Bench) -> None:
    later = bench.admit(start_at=now() + timedelta(hours=1))
    failed(bench, STOPPED)
    engine = bench.engine()
    engine.clock = lambda: now() + timedelta(hours=2)
    engine.run_due()
    assert bench.status(later) is UpdateStatus.REFUSED
    assert "attend une intervention" in bench.update(later)["failure"]
    assert bench.locked_versions() == ["11.6.0"]
