"""Numbers as administrators read them, on the pages and in the journal alike."""


def number(value: float) -> str:
    """A number with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0").replace(".", ",")


def size(count: float) -> str:
    """A number of bytes, in decimal units."""
    for unit, scale in (("Go", 1e9), ("Mo", 1e6), ("ko", 1e3)):
        if count >= scale:
            return f"{number(count / scale)} {unit}"
    return f"{int(count)} octets" if count >= 2 else f"{int(count)} octet"


def counted(count: int, one: str, many: str) -> str:
    """So many of something; in French, none of it is singular."""
    return f"{count} {one if count < 2 else many}"
