"""The table of situations: each has words, a cause and a remedy that fit it."""

import re

import pytest

from tests.support.situations import DOCUMENT, PROXY, Situation, document, situations

ALL = situations()


def test_the_document_says_what_the_program_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_there_are_at_least_120_of_them_and_each_is_another() -> None:
    assert len({found.happens for found in ALL}) == len(ALL) >= 120


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.happens)
def test_words_are_french_whole_and_useful(found: Situation) -> None:
    said = f"{found.failure.problem} ; {found.failure.remedy}"
    assert found.cause
    assert found.failure.remedy
    assert not re.search(r"\[Errno|None|Error|unreachable|refused|No space|\(x\)", said), said
    assert not said.endswith(".")


def test_an_old_cipher_is_not_told_as_a_wrong_port_nor_a_wrong_port_as_an_old_cipher() -> None:
    remedies = {found.happens: found.failure.remedy for found in ALL if found.happens.startswith("TLS")}
    assert "le port sont ceux" in remedies["TLS : WRONG_VERSION_NUMBER"]
    assert all("chiffrements" in remedies[f"TLS : {reason}"] for reason in ("UNSUPPORTED_PROTOCOL", "DH_KEY_TOO_SMALL"))


def test_whoever_has_a_proxy_is_not_told_to_set_one() -> None:
    behind = [found for found in ALL if "proxy" in found.happens and "sans proxy" not in found.happens]
    assert len(behind) > 60
    assert not [found.happens for found in behind if "ou renseignez le proxy" in found.failure.remedy]


def test_a_proxy_that_fails_is_not_told_as_one_that_forbids() -> None:
    failing = [found for found in ALL if re.search(r"CONNECT par 5(0[0234]|2)", found.happens)]
    assert len(failing) == 7
    assert all("n'arrive pas à joindre" in found.failure.problem and found.failure.later for found in failing)


def test_what_passes_is_tried_again_and_what_does_not_is_not() -> None:
    again = {found.happens for found in ALL if found.failure.later}
    assert [found.happens for found in ALL if "certificat" in found.happens and found.happens in again] == []
    assert all(found.happens in again for found in ALL if found.happens.startswith(("DNS", "coupure", "EHOST")))
    assert {"métadonnées d'états différents", "page web à la place de ce qui est demandé"} <= again


def test_what_is_not_http_is_told_as_that_and_a_cut_as_a_cut() -> None:
    said = {found.happens: found.failure.problem for found in ALL}
    assert said["première ligne illisible, sans proxy"].endswith("n'est pas un serveur HTTP")
    assert said["coupure avant toute réponse, sans proxy"].endswith("a été coupée")
    assert PROXY in said["première ligne illisible, vers le proxy"]
