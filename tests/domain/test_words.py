"""Numbers as administrators read them."""

import pytest

from ospi_supervisor.domain.words import counted, sentence, size


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 octet"), (1, "1 octet"), (999, "999 octets"), (1500, "1,5 ko"), (2e6, "2 Mo"), (1_066_304_000, "1,1 Go")],
)
def test_sizes(count: float, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 fichier"), (1, "1 fichier"), (2, "2 fichiers")])
def test_singular_and_plural(count: int, shown: str) -> None:
    assert counted(count, "fichier", "fichiers") == shown


@pytest.mark.parametrize("text", ["échec du programme 20-schema", "échec du programme 20-schema."])
def test_a_sentence_ends_with_one_stop(text: str) -> None:
    assert sentence(text) == "Échec du programme 20-schema."
