"""What the support is asked to sign, and the code as it comes back by mail."""

import pytest

from ospi_supervisor.domain.unlock import SIGNATURE_BYTES, Challenge, decode_code, encode_code, parse_challenge
from ospi_supervisor.errors import RefusedError

NONCE = "0123456789abcdef0123"
CHALLENGE = Challenge(product="portail-bi", version="11.5.9", update_id=12, nonce=NONCE)
TEXT = f"ospi-deblocage/portail-bi/11.5.9/12/{NONCE}"


def test_a_challenge_is_one_short_line_that_says_what_failed() -> None:
    assert str(CHALLENGE) == TEXT
    assert parse_challenge(TEXT) == CHALLENGE


def test_a_mail_may_wrap_a_challenge() -> None:
    assert parse_challenge(f"  {TEXT[:30]}\r\n {TEXT[30:]}\n") == CHALLENGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bonjour",
        TEXT.upper(),
        TEXT[:-1],
        f"{TEXT}0",
        TEXT.replace("/12/", "/0/"),
        TEXT.replace("/12/", "/-1/"),
        TEXT.replace("/11.5.9/", "/"),
        TEXT.replace("portail", "pörtail"),
        TEXT.replace("portail", "../portail"),
    ],
)
def test_anything_else_is_no_challenge(text: str) -> None:
    with pytest.raises(RefusedError, match="n'est pas une demande de déblocage"):
        parse_challenge(text)


def test_the_signed_text_says_what_it_is_for_and_differs_for_each_failure() -> None:
    others = [
        Challenge(product="portail", version="11.5.9", update_id=12, nonce=NONCE),
        Challenge(product="portail-bi", version="11.5.8", update_id=12, nonce=NONCE),
        Challenge(product="portail-bi", version="11.5.9", update_id=13, nonce=NONCE),
        Challenge(product="portail-bi", version="11.5.9", update_id=12, nonce=NONCE[::-1]),
    ]
    texts = {challenge.signed_text for challenge in (CHALLENGE, *others)}
    assert len(texts) == 5
    assert all(text.startswith(b"ospi-supervisor/unlock/v1\n") for text in texts)


@pytest.mark.parametrize("signature", [bytes(SIGNATURE_BYTES), bytes(range(64)), b"\xff" * 64])
def test_a_code_survives_capitals_and_white_space(signature: bytes) -> None:
    code = encode_code(signature)
    assert (code.isalnum(), len(code)) == (True, 103)
    assert decode_code(code) == signature
    assert decode_code(f" {code[:50].lower()}\n\t{code[50:]} ") == signature


@pytest.mark.parametrize("text", ["", "AB", "é" * 103, "1" * 103, encode_code(bytes(64))[:-2], "A" * 111, "A" * 5000])
def test_a_code_that_was_not_copied_whole_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="incomplet ou mal recopié"):
        decode_code(text)
