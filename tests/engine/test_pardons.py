"""The support's code lets one refusal of a rehearsal pass, once; nothing was locked."""

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.rehearsal import Outcome, Verdict
from ospi_supervisor.domain.unlock import encode_code
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.base import Run
from ospi_supervisor.store.pardons import Pardons
from tests.engine.test_requests import answer, requests_of
from tests.engine.test_unlocking import refusal, unlocking
from tests.support.engine import NEW, PRODUCT, SUPPORT_KEY, Bench

NONCE = "0123456789abcdef0123"


def refuse(run: Run) -> None:
    run.remember(**{**Verdict(outcome=Outcome.REFUSED, reason="séjour 142").facts, "nonce": NONCE})
    raise RefusedError("la mise à jour échoue sur le double")


def refused(bench: Bench) -> str:
    """One update that its rehearsal refused; the support's code for it."""
    number = bench.admit()
    bench.run({"do rehearse": refuse})
    assert bench.status(number) is UpdateStatus.REFUSED
    assert bench.locked_versions() == []
    (challenge,) = Pardons(bench.store()).challenges()
    assert (challenge.version, challenge.update_id) == (NEW, number)
    return encode_code(SUPPORT_KEY.sign(challenge.signed_text))


def test_a_refusal_is_let_pass_once(bench: Bench) -> None:
    code = refused(bench)
    pardons = Pardons(bench.store())
    assert pardons.take(PRODUCT, NEW, 2) is None
    for number in (1, 2):  # given twice, it is one pardon
        requests_of(bench).answer(unlocking(number, code))
        assert answer(bench, number) == {"accepted": True, "message": "", "update_id": 1}
    told = [line for line in bench.journal("warning") if "code du support" in line]
    assert told == [f"Une répétition de la version {NEW} sera passée : code du support, donné par bob."]
    assert pardons.take(PRODUCT, "11.7.0", 2) is None
    assert pardons.take(PRODUCT, NEW, 2) == "bob"
    assert pardons.take(PRODUCT, NEW, 2) == "bob"  # taken up again after a crash
    assert pardons.take(PRODUCT, NEW, 3) is None


def test_another_code_lets_nothing_pass(bench: Bench) -> None:
    refused(bench)
    other = encode_code(SUPPORT_KEY.sign(b"autre chose"))
    assert "ne répond à aucune demande" in refusal(bench, 1, other)
    assert Pardons(bench.store()).take(PRODUCT, NEW, 2) is None
