"""docs/situations.md says what the pages say."""

from tests.domain.situations_document import PATH, document


def test_the_document_is_the_table() -> None:
    written = PATH.read_text(encoding="utf-8")
    assert written == document(), "write it anew: python -m tests.domain.situations_document"
