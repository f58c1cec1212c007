"""What a reader tells of a text: not which spaces it has; `tests/test_typography.py` looks at those."""

from ospi_supervisor.domain.typography import NARROW, WIDE


def plain_spaces(text: str) -> str:
    """`text` with plain spaces in the place of those that no line breaks at."""
    return text.replace(NARROW, " ").replace(WIDE, " ")
